"""Dispatchers come and go under load: shards are spread, nothing is lost, and nothing is repeated."""

import pytest

from harness import planted
from harness.behaviours import answer, slow
from harness.history import History
from harness.metrics import metric
from harness.publisher import SteadyPublisher
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

PARTITIONS = 8
STEP = 20


@pytest.fixture(scope="module")
def scalable(kafka, tmp_path_factory):
    """Three dispatchers, of which none is started."""
    settings = {
        "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
        "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
        # A dispatcher that leaves sends no heartbeats: on a slow machine, too, it is to have done with its
        # shards before the others take it for dead.
        "WEBSUB_KAFKA_SESSION_TIMEOUT": "15s",
    }
    directory = tmp_path_factory.mktemp("scale")
    with Suite(kafka.bootstrap, directory, "scale-", dispatchers=3, settings=settings) as suite:
        yield suite.start("hub-0", "consolidator-0", "dispatcher-0")


def shards(suite: Suite) -> list[int]:
    """Of each dispatcher that runs."""
    running = [p for p in suite.programs.values() if p.kind == "dispatcher" and p.running]
    return [int(metric(program, "websub_dispatcher_shards")) for program in running]


def wait_spread(suite: Suite, dispatchers: int) -> None:
    def spread() -> bool:
        owned = shards(suite)
        return len(owned) == dispatchers and sum(owned) == PARTITIONS and max(owned) - min(owned) <= 1

    wait_for(spread, lambda: f"{PARTITIONS} shards on {dispatchers} dispatchers, not {shards(suite)}", 60)


def subscribed(suite: Suite, subscriber: Subscriber, topic: str) -> list[Endpoint]:
    """Some in every shard, a few of which take their time or fail now and then."""
    hub, requests = suite.hub(), []

    def fail_every_tenth(received):
        requests.append(received)
        return answer(503 if len(requests) % 10 == 0 else 200)(received)

    endpoints = [subscriber.endpoint() for _ in range(20)]
    for number, endpoint in enumerate(endpoints):
        subscribe(hub, topic, endpoint, planted.secret(endpoint.path))
        if number % 7 == 0:
            endpoint.on_delivery = slow(0.05, then=answer(200))
        elif number % 7 == 1:
            endpoint.on_delivery = fail_every_tenth
    return endpoints


def test_dispatchers_come_and_go_and_nothing_is_lost_or_repeated(scalable, subscriber):
    topic = register_topic(scalable.hub(), "scaled")
    endpoints = subscribed(scalable, subscriber, topic)
    history = History(topic)
    with SteadyPublisher(history, scalable.hubs(), per_second=10) as publisher:
        publisher.wait_confirmed(STEP)
        for count in (2, 3):
            scalable.start(f"dispatcher-{count - 1}")
            wait_spread(scalable, count)
            publisher.wait_confirmed(STEP)
        for count in (2, 1):
            scalable.terminate(f"dispatcher-{count}")
            wait_spread(scalable, count)
            publisher.wait_confirmed(STEP)
    # No fault was noted: a single repetition is a failure.
    history.wait_arrived(*endpoints)
    history.check(*endpoints)
    for endpoint in endpoints:
        assert all(d.is_signed_with(planted.secret(endpoint.path)) for d in endpoint.deliveries())


def test_more_dispatchers_than_shards_do_no_harm(kafka, tmp_path, subscriber):
    settings = {"WEBSUB_KAFKA_PARTITIONS": "1"}
    with Suite(kafka.bootstrap, tmp_path, "crowded-", dispatchers=2, settings=settings) as suite:
        suite.start()
        wait_for(lambda: sorted(shards(suite)) == [0, 1], lambda: f"one shard, not {shards(suite)}")
        hub, endpoint = suite.hub(), subscriber.endpoint()
        topic = register_topic(hub, "crowded")
        subscribe(hub, topic, endpoint)
        owner = f"dispatcher-{shards(suite).index(1)}"
        suite.terminate(owner)
        bodies = [planted.payload(f"{number}") for number in range(5)]
        for body in bodies:
            hub.publish(topic, body).check_accepted()
        endpoint.wait_bodies(bodies)
