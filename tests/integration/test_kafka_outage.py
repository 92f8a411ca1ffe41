"""Kafka goes away and comes back: refusals in bounded time, nothing accepted is lost, no restart needed."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import planted
from harness.history import History
from harness.hub_client import HubClient
from harness.kafka import KafkaBroker
from harness.publisher import SteadyPublisher
from harness.settle import subscribe, wait_active
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

PRODUCE_TIMEOUT = 2
# An answer may take the produce timeout and what a slow machine adds.
ANSWER_BOUND = PRODUCE_TIMEOUT + 18


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory):
    broker = KafkaBroker(tmp_path_factory.mktemp("outage-kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def outage_suite(own_kafka, tmp_path_factory):
    settings = {"WEBSUB_KAFKA_PRODUCE_TIMEOUT": f"{PRODUCE_TIMEOUT}s"}
    directory = tmp_path_factory.mktemp("outage")
    with Suite(own_kafka.bootstrap, directory, "outage-", settings=settings) as suite:
        yield suite.start()


# How the broker goes away, and how it comes back.
OUTAGES = {
    "stopped": (KafkaBroker.stop, KafkaBroker.start),
    "killed": (KafkaBroker.kill, KafkaBroker.start),
    "frozen": (KafkaBroker.pause, KafkaBroker.resume),
}


@pytest.mark.parametrize("go_away, come_back", OUTAGES.values(), ids=OUTAGES.keys())
def test_outage_is_answered_503_and_survived(own_kafka, outage_suite, subscriber, go_away, come_back):
    hub, topic, endpoint = outage_suite.hub(), new_topic("outage"), subscriber.endpoint()
    history, refused_topic = History(topic), new_topic("refused")
    for registered in (topic, refused_topic):
        hub.register(registered).check_accepted()
    subscribe(hub, topic, endpoint)
    with SteadyPublisher(history, [outage_suite.hub()]) as publisher:
        publisher.wait_confirmed(20)
        history.fault("Kafka goes away")
        go_away(own_kafka)
        try:
            for request in requests_to_refuse(hub, refused_topic):
                began = time.monotonic()
                answer = request().check_denied(503)
                assert time.monotonic() - began < ANSWER_BOUND
                assert int(answer.header("Retry-After")) > 0
            for program in outage_suite.programs.values():
                program.wait_healthy()
        finally:
            come_back(own_kafka)
        # Who was away for longer than the session time-out takes over anew what it has not committed since.
        history.fault("Kafka is back")
        publisher.wait_confirmed(20)
    history.wait_arrived(endpoint)
    outage_suite.wait_ready()
    control_requests_work_again(hub, topic, subscriber)


def requests_to_refuse(hub: HubClient, topic: str):
    """On a topic of their own: what was refused with 503 may take effect later, its outcome is open."""
    callback = "http://127.0.0.1:9/callback"
    yield lambda: hub.publish(topic, planted.payload("refused"))
    yield lambda: hub.register(new_topic("refused"))
    yield lambda: hub.subscribe(topic, callback)
    yield lambda: hub.unsubscribe(topic, callback)
    yield lambda: hub.deregister(topic)


def control_requests_work_again(hub: HubClient, topic: str, subscriber) -> None:
    endpoint = subscriber.endpoint("later")
    wait_for(lambda: hub.subscribe(topic, endpoint.url).status == 202, "subscriptions accepted again")
    endpoint.wait_verified()
    wait_active(hub, topic, endpoint)


def test_waiting_publishes_do_not_block_each_other(own_kafka, outage_suite):
    """Fifty publishers are refused in the time of one: no thread of the hub waits for Kafka."""
    hub, topic = outage_suite.hub(), new_topic("waiting")
    hub.register(topic).check_accepted()
    hub.publish(topic, planted.payload("stored")).check_accepted()
    clients = [outage_suite.hub() for _ in range(50)]
    own_kafka.pause()
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(len(clients)) as pool:
            body = planted.payload("waiting")
            answers = list(pool.map(lambda client: client.publish(topic, body), clients))
        assert time.monotonic() - began < ANSWER_BOUND
        for answer in answers:
            answer.check_denied(503)
    finally:
        own_kafka.resume()
    wait_for(lambda: hub.publish(topic, planted.payload("stored")).status == 200, "publishing again")


@pytest.mark.parametrize("outage", ["killed", "frozen"])
def test_programs_stop_when_told_although_kafka_is_gone(own_kafka, outage_suite, subscriber, outage):
    """Even when nobody has answered for so long that they have made their connections anew."""
    hub, topic, endpoint = outage_suite.hub(), new_topic("outage-stop"), subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    go_away, come_back = OUTAGES[outage]
    accepted = planted.payload("before the outage")
    hub.publish(topic, accepted).check_accepted()
    go_away(own_kafka)
    try:
        outage_suite["dispatcher-0"].wait_for_log("dispatcher.offsets_unanswered")
        outage_suite.terminate()
    finally:
        come_back(own_kafka)
        outage_suite.start()
    later = planted.payload("after the outage")
    hub.publish(topic, later).check_accepted()
    # What could not be committed comes again.
    wait_for(lambda: later in endpoint.bodies(), "the next message to arrive")
    assert accepted in endpoint.bodies()
