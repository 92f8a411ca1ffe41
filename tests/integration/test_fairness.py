"""P6: whoever fails, hangs or is far behind takes nothing from the others, however little memory there is."""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, hold, slow
from harness.history import History
from harness.hub_client import HubClient
from harness.metrics import metrics
from harness.publisher import SteadyPublisher
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

BUDGET = 1 << 20
# Of each half: what is on its way when the half is used up comes on top, a chunk or a batch.
SLACK = 2 << 20

SETTINGS = {
    "WEBSUB_DISPATCHER_MEMORY_BUDGET_BYTES": f"{BUDGET}",
    # Longer than any test: what hangs is to hang all the while, and to come once.
    "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": "10m",
    "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
    "WEBSUB_MESSAGES_POOL_PARTITIONS": "1",
}


@pytest.fixture(scope="module", params=["dedicated", "pooled"])
def tight(request, kafka, tmp_path_factory):
    """Little memory; with "pooled", all topics in one partition."""
    settings = SETTINGS | {"WEBSUB_MESSAGES_LAYOUT": request.param}
    directory = tmp_path_factory.mktemp(f"fair-{request.param}")
    with Suite(kafka.bootstrap, directory, f"fair-{request.param}-", settings=settings) as suite:
        yield suite.start()


class Budget:
    """Looks all the time whether messages in memory keep to the budget; a context manager."""

    def __init__(self, suite: Suite):
        self._dispatcher = suite["dispatcher-0"]
        self._ending = threading.Event()
        self._most = {"tail": 0.0, "catch_up": 0.0}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Budget":
        self._thread.start()
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        assert failure or all(most <= BUDGET / 2 + SLACK for most in self._most.values()), self._most

    def _watch(self) -> None:
        while not self._ending.wait(0.05):
            samples = metrics(self._dispatcher)
            for half, most in self._most.items():
                used = samples[f'websub_dispatcher_message_bytes{{held_for="{half}"}}']
                self._most[half] = max(most, used)


def large(name: str) -> bytes:
    return planted.payload(name) + b"." * 10_000


def publish(hub: HubClient, topic: str, count: int, name: str) -> list[bytes]:
    bodies = [large(f"{name} {number}") for number in range(count)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    return bodies


def hanging(subscriber: Subscriber, release: threading.Event) -> Endpoint:
    endpoint = subscriber.endpoint("hanging")
    endpoint.on_delivery = hold(release, then=answer(200))
    return endpoint


BAD = {
    "hangs": lambda release: hold(release, then=answer(200)),
    "answers 500": lambda release: answer(500),
    "is slow": lambda release: slow(0.5, then=answer(200)),
}


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_one_bad_subscriber_does_not_keep_others_from_their_messages(tight, subscriber, behaviour):
    """Of the same topic and of another one: five times as much as fits into memory passes it by."""
    hub, release = tight.hub(), threading.Event()
    topic, other_topic = register_topic(hub, "shared"), register_topic(hub, "other")
    bad, good, other = subscriber.endpoint("bad"), subscriber.endpoint("good"), subscriber.endpoint("other")
    for endpoint, of in ((bad, topic), (good, topic), (other, other_topic)):
        subscribe(hub, of, endpoint, planted.secret())
    bad.on_delivery = behaviour(release)
    with Budget(tight):
        for number in range(5):
            expected = good.bodies() + publish(hub, topic, 100, f"shared {number}")
            other_expected = other.bodies() + publish(hub, other_topic, 3, f"other {number}")
            other.wait_bodies(other_expected)
            good.wait_bodies(expected)
        assert len(bad.bodies()) < len(good.bodies())
        bad.on_delivery = answer(200)
        release.set()
        bad.wait_bodies(good.bodies(), timeout=90)


def test_crowd_of_hanging_subscribers_does_not_keep_one_from_catching_up(tight, subscriber):
    """All behind: the dead ones each hold a message, and the one that is back needs its share of memory."""
    hub, release = tight.hub(), threading.Event()
    topic, back = register_topic(hub, "crowd"), subscriber.endpoint("back")
    crowd = [hanging(subscriber, release) for _ in range(30)]
    for endpoint in [*crowd, back]:
        endpoint_behaviour, endpoint.on_delivery = endpoint.on_delivery, answer(200)
        subscribe(hub, topic, endpoint)
        endpoint.on_delivery = endpoint_behaviour
    back.on_delivery = answer(500)
    with Budget(tight):
        bodies = publish(hub, topic, 150, "crowd")
        back.wait_attempts(2)
        back.on_delivery = answer(200)
        back.wait_bodies(bodies, timeout=60)
        assert all(len(endpoint.bodies()) == 0 for endpoint in crowd)
        for endpoint in crowd:
            endpoint.on_delivery = answer(200)
        release.set()
        for endpoint in crowd:
            endpoint.wait_bodies(bodies, timeout=90)


def test_long_backlog_and_a_fresh_subscription_both_progress(tight, subscriber):
    """10,000 messages that one has missed are delivered in order while another one gets each at once."""
    hub = tight.hub()
    topic = register_topic(hub, "backlog")
    behind, fresh = subscriber.endpoint("behind"), subscriber.endpoint("fresh")
    subscribe(hub, topic, behind)
    behind.on_delivery = answer(500)
    bodies = [planted.payload(f"missed {number}") for number in range(10_000)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    subscribe(hub, topic, fresh)
    with Budget(tight):
        behind.on_delivery = answer(200)
        for number in range(20):
            body = planted.payload(f"new {number}")
            bodies.append(body)
            hub.publish(topic, body).check_accepted()
            wait_for(lambda: body in fresh.bodies(), "the fresh one to get it")
        wait_for(lambda: len(behind.deliveries()) >= len(bodies), "the backlog to be delivered", 120, 0.2)
    assert behind.bodies() == bodies


def test_busy_neighbour_does_not_delay_a_topic(tight, subscriber):
    """Thousands of messages of another topic, whose subscriber is slow, in the same partition when pooled."""
    hub = tight.hub()
    busy_topic, quiet_topic = register_topic(hub, "busy"), register_topic(hub, "quiet")
    busy, quiet = subscriber.endpoint("busy"), subscriber.endpoint("quiet")
    subscribe(hub, busy_topic, busy)
    subscribe(hub, quiet_topic, quiet)
    busy.on_delivery = slow(0.2, then=answer(200))
    history = History(busy_topic)
    expected = []
    with SteadyPublisher(history, tight.hubs(), per_second=1000) as publisher, Budget(tight):
        for number in range(20):
            publisher.wait_confirmed(20)
            body = planted.payload(f"quiet {number}")
            expected.append(body)
            hub.publish(quiet_topic, body).check_accepted()
            quiet.wait_bodies(expected)
        assert len(busy.deliveries()) < history.confirmed_count / 2, "the neighbour is not slow"
        busy.on_delivery = answer(200)
    history.wait_arrived(busy)
