"""Programs and Kafka are killed, stopped and restarted while messages flow; the history must hold.

What is answered 200 arrives at every subscriber, in order; duplicates only after a fault and with the
same message id (harness/history.py). What is answered 202 is verified. State is the same afterwards.
"""

import contextlib
import itertools
import signal
import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer
from harness.history import History
from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.kafka import KafkaBroker
from harness.kafka_view import KafkaView
from harness.publisher import SteadyPublisher
from harness.settle import subscribe, wait_active, wait_signed_with, wait_silent
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import DEADLINE, wait_for

# Messages confirmed before the first fault, and after each: enough for several commits.
STEP = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = KafkaBroker(tmp_path_factory.mktemp("fault-kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def installation(broker, tmp_path_factory):
    """Two of each program, started again before each test that uses them."""
    directory = tmp_path_factory.mktemp("faults")
    with Suite(broker.bootstrap, directory, "faults-", hubs=2, consolidators=2, dispatchers=2) as suite:
        yield suite


@pytest.fixture
def pair(installation):
    return installation.start()


@pytest.fixture
def single(broker, tmp_path):
    """One of each program, with a state of its own."""
    with Suite(broker.bootstrap, tmp_path, f"faults-{tmp_path.name}-") as suite:
        yield suite.start()


def subscribed(hub: HubClient, subscriber: Subscriber, count: int = 3) -> tuple[str, list[Endpoint]]:
    """A topic with several subscriptions, one of which fails now and then without any fault."""
    topic = new_topic("faults")
    hub.register(topic).check_accepted()
    endpoints = [subscriber.endpoint() for _ in range(count)]
    for endpoint in endpoints:
        subscribe(hub, topic, endpoint, planted.secret(endpoint.path))
    flaky, requests = endpoints[-1], []

    def fail_every_tenth(received):
        requests.append(received)
        return answer(503 if len(requests) % 10 == 0 else 200)(received)

    flaky.on_delivery = fail_every_tenth
    return topic, endpoints


def check_signatures(endpoints: list[Endpoint]) -> None:
    for endpoint in endpoints:
        for delivery in endpoint.deliveries():
            assert delivery.is_signed_with(planted.secret(endpoint.path)), delivery


PROGRAMS = ("hub-0", "consolidator-0", "dispatcher-0")


@pytest.mark.parametrize("victims", [*((name,) for name in PROGRAMS), PROGRAMS], ids=", ".join)
def test_nothing_is_lost_when_programs_are_killed_and_started_again(single, subscriber, victims):
    topic, endpoints = subscribed(single.hub(), subscriber)
    history = History(topic)
    with SteadyPublisher(history, single.hubs()) as publisher:
        publisher.wait_confirmed(STEP)
        for _ in range(3):
            history.fault(f"kill -9 {', '.join(victims)}")
            single.kill(*victims)
            single.start(*victims)
            publisher.wait_confirmed(STEP)
    history.wait_arrived(*endpoints)
    check_signatures(endpoints)


def restart_cleanly(broker: KafkaBroker) -> None:
    broker.stop()
    broker.start()


def restart_after_kill(broker: KafkaBroker) -> None:
    broker.kill()
    broker.start()


@pytest.mark.parametrize("restart", [restart_cleanly, restart_after_kill], ids=["cleanly", "by kill -9"])
def test_nothing_is_lost_when_kafka_is_restarted(broker, single, subscriber, restart):
    topic, endpoints = subscribed(single.hub(), subscriber)
    history = History(topic)
    with SteadyPublisher(history, single.hubs()) as publisher:
        publisher.wait_confirmed(STEP)
        history.fault("restart of Kafka")
        restart(broker)
        # Who finds that it is no member any more drops its shards now, however long that took.
        history.fault("Kafka is back")
        publisher.wait_confirmed(STEP)
    history.wait_arrived(*endpoints)
    check_signatures(endpoints)


def test_nothing_is_lost_when_everything_is_killed_kafka_included(broker, single, subscriber):
    """A power failure, apart from the disk."""
    topic, endpoints = subscribed(single.hub(), subscriber)
    history = History(topic)
    with SteadyPublisher(history, single.hubs()) as publisher:
        publisher.wait_confirmed(STEP)
        history.fault("kill -9 of everything")
        single.kill()
        broker.kill()
        single.start_without_waiting()
        broker.start()
        single.wait_ready(timeout=60)
        history.fault("everything is back")
        publisher.wait_confirmed(STEP)
    history.wait_arrived(*endpoints)
    check_signatures(endpoints)


def several_topics(pair: Suite, subscriber: Subscriber):
    """Histories with their endpoints and publishers: subscriptions in several shards, so both own some."""
    topics = [subscribed(pair.hub(), subscriber, count=2) for _ in range(4)]
    histories = {History(topic): endpoints for topic, endpoints in topics}
    publishers = [SteadyPublisher(history, pair.hubs(), per_second=30) for history in histories]
    return histories, publishers


def all_arrived(histories: dict[History, list[Endpoint]]) -> None:
    for history, endpoints in histories.items():
        history.wait_arrived(*endpoints)


@pytest.mark.parametrize("victim", ["hub-0", "consolidator-0", "dispatcher-0"])
def test_the_other_of_two_takes_over(pair, subscriber, victim):
    """Without the victim coming back; and new subscriptions work, too."""
    histories, publishers = several_topics(pair, subscriber)
    with SteadyPublisher.all_of(publishers):
        publishers[0].wait_confirmed(STEP)
        for history in histories:
            history.fault(f"kill -9 {victim}")
        pair.kill(victim)
        for publisher in publishers:
            publisher.wait_confirmed(STEP)
        subscribed(pair.hub(1), subscriber, count=1)
    all_arrived(histories)
    for endpoints in histories.values():
        check_signatures(endpoints)


@contextlib.contextmanager
def steady_requests(hub: HubClient, topic: str, endpoints: list[Endpoint]):
    """Renewals all the time, so that consolidators always have something to fold."""
    ending = threading.Event()

    def ask() -> None:
        for endpoint in itertools.cycle(endpoints):
            if ending.wait(0.02):
                return
            hub.subscribe(topic, endpoint.url).check_accepted(202)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(DEADLINE)


def test_consolidators_stop_in_time_although_partitions_are_on_their_way_to_them(pair, subscriber):
    """Both leave, and each may just then be given those of the other: a matter of moments, so five times."""
    topic, endpoints = subscribed(pair.hub(), subscriber, count=10)
    both = ("consolidator-0", "consolidator-1")
    with steady_requests(pair.hub(1), topic, endpoints):
        for _ in range(5):
            pair.start(*both)
            pair["consolidator-1"].terminate()
            pair["consolidator-1"].start()
            pair["consolidator-1"].wait_for_log("consolidator.partitions_assigned")
            for name in both:
                pair[name].signal(signal.SIGTERM)
            for name in both:
                # Who asks the group while leaving it is answered after 30 s.
                pair[name].wait_terminated(timeout=25)


def test_consolidators_that_share_anew_go_on_where_they_are(pair, subscriber):
    """What fails as the group moves on is tried again in the group: leaving it would move it once more."""
    topic, endpoints = subscribed(pair.hub(), subscriber, count=10)
    both = [pair["consolidator-0"], pair["consolidator-1"]]
    with steady_requests(pair.hub(1), topic, endpoints):
        for _ in range(5):
            both[1].terminate()
            both[1].start()
            both[1].wait_for_log('consolidator.partitions_assigned","count":4')
    for consolidator in both:
        assert "consolidator.restarting" not in consolidator.log(), consolidator.tail()


def test_dispatcher_that_was_frozen_past_the_session_timeout_harms_nothing(pair, subscriber):
    """It wakes up, finds its shards taken over, and commits nothing that makes the new owner skip."""
    histories, publishers = several_topics(pair, subscriber)

    def fault(what: str) -> None:
        for history in histories:
            history.fault(what)

    with SteadyPublisher.all_of(publishers):
        publishers[0].wait_confirmed(STEP)
        fault("SIGSTOP dispatcher-0")
        pair["dispatcher-0"].pause()
        # All the same everything arrives: the other dispatcher has taken over.
        all_arrived(histories)
        fault("SIGCONT dispatcher-0")
        pair["dispatcher-0"].resume()
        publishers[0].wait_confirmed(STEP)
        # What a late commit makes the next owner skip shows when there is a next owner.
        fault("kill -9 dispatcher-1")
        pair.kill("dispatcher-1")
        publishers[0].wait_confirmed(STEP)
    all_arrived(histories)
    for endpoints in histories.values():
        check_signatures(endpoints)


def test_state_is_the_same_after_everything_was_killed(single, subscriber):
    """Topics, subscriptions, secrets, unsubscriptions; nothing confirmed is delivered again later."""
    hub, topic, gone_topic = single.hub(), new_topic("kept"), new_topic("gone")
    staying, left = subscriber.endpoint("staying"), subscriber.endpoint("left")
    for name in (topic, gone_topic):
        hub.register(name).check_accepted()
    subscribe(hub, topic, staying, planted.secret("first"))
    subscribe(hub, topic, staying, planted.secret("renewed"))
    wait_signed_with(hub, topic, staying, planted.secret("renewed"))
    subscribe(hub, topic, left)
    hub.unsubscribe(topic, left.url).check_accepted(202)
    left.wait_verified("unsubscribe")
    wait_silent(hub, topic, ended=left, witness=staying)
    hub.deregister(gone_topic).check_accepted()
    single.kill()
    single.start()
    left_warm_ups = len(left.warm_ups())
    hub = single.hub()
    # The consolidator may have been killed before it came to the deregistration.
    wait_for(lambda: hub.publish(gone_topic, planted.payload()).status == 404, "the topic gone")
    hub.publish(topic, planted.payload("after")).check_accepted()
    staying.wait_bodies([planted.payload("after")])
    assert staying.deliveries()[0].is_signed_with(planted.secret("renewed"))
    assert left.bodies() == [] and len(left.warm_ups()) == left_warm_ups
    assert len(staying.verifications()) == 2, "verified again after the restart"


def test_lease_ends_when_it_should_although_everything_was_killed(broker, single, subscriber):
    """Neither prolonged nor cut by a restart, however long that takes."""
    hub, topic = single.hub(), new_topic("lease")
    hub.register(topic).check_accepted()
    ending, lapsing_meanwhile = subscriber.endpoint("ending"), subscriber.endpoint("lapsing")
    witness = subscriber.endpoint("witness")
    view, key = KafkaView(broker.client), f"subscription:{subscription_id(topic, ending.url)}"
    subscribe(hub, topic, witness)
    subscribe(hub, topic, ending, lease_seconds=20)
    verified_at = ending.wait_verified().at
    lease_end = view.last_value(f"{single.prefix}state", key)["lease_end"]
    # It may be over before a message could show that it had begun.
    hub.subscribe(topic, lapsing_meanwhile.url, lease_seconds=3).check_accepted(202)
    lapsing_meanwhile.wait_verified()
    single.kill()
    wait_for(lambda: time.monotonic() > lapsing_meanwhile.wait_verified().at + 3, "the shorter lease to pass")
    single.start()
    hub = single.hub()
    wait_active(hub, topic, witness)
    wait_silent(hub, topic, ended=lapsing_meanwhile, witness=witness)
    wait_silent(hub, topic, ended=ending, witness=witness)
    assert max(r.at for r in ending.warm_ups()) - verified_at < 20 + 10

    def expired() -> list[dict]:
        events = [record.json for record in view.records(f"{single.prefix}events", key)]
        return [event for event in events if event["type"] == "subscription.expired"]

    (event,) = wait_for(expired, "the end of the lease", pause=0.1)
    assert event["at"] >= lease_end
    assert view.last_value(f"{single.prefix}state", key)["lease_end"] == lease_end
    view.close()


def test_accepted_subscriptions_are_verified_although_everything_is_killed_at_once(single, subscriber):
    """P4: 202 is a promise."""
    hub, topic = single.hub(), new_topic("promise")
    hub.register(topic).check_accepted()
    endpoints = [subscriber.endpoint() for _ in range(20)]
    for endpoint in endpoints:
        hub.subscribe(topic, endpoint.url).check_accepted(202)
    single.kill()
    single.start()
    for endpoint in endpoints:
        endpoint.wait_verified()
    wait_active(single.hub(), topic, *endpoints)
