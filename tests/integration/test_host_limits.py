"""What one callback host gets at a time is bounded; the others are not slowed by that."""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

CONNECTIONS = 3
PER_SECOND = 20


def limited(kafka, tmp_path_factory, name: str, settings: dict[str, str]):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(name), f"{name}-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture(scope="module")
def few_connections(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_DISPATCHER_MAX_CONNECTIONS_PER_HOST": f"{CONNECTIONS}",
        # What is held for as long as others take is not to be given up and sent again.
        "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": "2m",
    }
    yield from limited(kafka, tmp_path_factory, "few", settings)


@pytest.fixture(scope="module")
def low_rate(kafka, tmp_path_factory):
    yield from limited(
        kafka,
        tmp_path_factory,
        "rate",
        {"WEBSUB_DISPATCHER_MAX_REQUESTS_PER_SECOND_PER_HOST": f"{PER_SECOND}"},
    )


@pytest.fixture
def elsewhere():
    """A subscriber on another port is another host."""
    server = Subscriber()
    yield server
    server.retire()
    server.stop()


class Meter:
    """Counts how many requests are under way at the same time: all that come until `release` is set, and
    each of the others for a while."""

    def __init__(self, seconds: float):
        self._lock = threading.Lock()
        self._seconds = seconds
        self.release = threading.Event()
        self.now = 0
        self.most = 0

    def __call__(self, received):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.release.wait()
        time.sleep(self._seconds)
        with self._lock:
            self.now -= 1
        return answer(200)(received)


def subscribed(suite: Suite, topic: str, server: Subscriber, count: int) -> list[Endpoint]:
    endpoints = [server.endpoint() for _ in range(count)]
    for endpoint in endpoints:
        subscribe(suite.hub(), topic, endpoint)
    return endpoints


def publish(suite: Suite, topic: str, count: int) -> list[bytes]:
    bodies = [planted.payload(f"{number}") for number in range(count)]
    hub = suite.hub()
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    hub.close()
    return bodies


def test_host_gets_no_more_exchanges_at_a_time_than_allowed(few_connections, subscriber, elsewhere):
    topic = register_topic(few_connections.hub(), "connections")
    crowded = subscribed(few_connections, topic, subscriber, 4 * CONNECTIONS)
    (alone,) = subscribed(few_connections, topic, elsewhere, 1)
    meter = Meter(0.1)
    for endpoint in crowded:
        endpoint.on_delivery = meter
    try:
        bodies = publish(few_connections, topic, 3)
        wait_for(lambda: meter.now >= CONNECTIONS, "the connections to be in use")
        alone.wait_bodies(bodies)  # while nobody at the other host gets on
    finally:
        meter.release.set()
    for endpoint in crowded:
        endpoint.wait_bodies(bodies)
    assert meter.most == CONNECTIONS


def test_host_gets_no_more_requests_per_second_than_allowed(low_rate, subscriber, elsewhere):
    topic = register_topic(low_rate.hub(), "rate")
    crowded = subscribed(low_rate, topic, subscriber, 4)
    (alone,) = subscribed(low_rate, topic, elsewhere, 1)
    count = PER_SECOND // 2
    began = time.monotonic()
    bodies = publish(low_rate, topic, count)
    alone.wait_bodies(bodies)
    for endpoint in crowded:
        endpoint.wait_bodies(bodies)
    # A second's worth may have been saved up.
    least = (len(crowded) * count - PER_SECOND) / PER_SECOND
    assert max(endpoint.attempts()[-1].at for endpoint in crowded) - began >= least * 0.95
