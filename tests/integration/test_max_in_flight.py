"""hub.max_in_flight: how many messages a subscriber wants to have on their way to it at the same time."""

import itertools
import threading

import pytest

from harness import planted
from harness.behaviours import answer, slow
from harness.history import History
from harness.hub_client import HubClient
from harness.publisher import SteadyPublisher
from harness.settle import wait_signed_with
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import stays_false, wait_for

LIMIT = 8

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def limiting(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_DISPATCHER_MAX_IN_FLIGHT_LIMIT": f"{LIMIT}",
        "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("flight"), "flight-", settings=settings) as suite:
        yield suite


@pytest.fixture
def flight(limiting):
    return limiting.start()


class Gate:
    """A behaviour that lets no delivery pass until it is opened, and counts how many are there at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = threading.Event()
        self.inside = 0
        self.most = 0

    def open(self) -> None:
        self._open.set()

    def __call__(self, received):
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self._open.wait(60)
        with self._lock:
            self.inside -= 1
        return answer(200)(received)


def subscribe_with(hub: HubClient, topic: str, endpoint: Endpoint, max_in_flight: int | None) -> None:
    """Returns when the dispatcher goes by it, also if it is a renewal: it signs with the secret that came
    with the number."""
    secret = planted.secret(f"{next(_numbers)}")
    extra = {} if max_in_flight is None else {"hub.max_in_flight": f"{max_in_flight}"}
    verified = len(endpoint.verifications())
    hub.subscribe(topic, endpoint.url, secret, extra=extra).check_accepted(202)
    endpoint.wait_verified(count=verified + 1)
    wait_signed_with(hub, topic, endpoint, secret)


def publish(hub: HubClient, topic: str, count: int, name: str = "message") -> list[bytes]:
    bodies = [planted.payload(f"{name} {number}") for number in range(count)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    return bodies


def check_bound(hub: HubClient, topic: str, endpoint: Endpoint, bound: int, name: str = "bound") -> None:
    """As many as that at once, and never one more; all arrive once."""
    gate, before = Gate(), len(endpoint.bodies())
    endpoint.on_delivery = gate
    bodies = publish(hub, topic, bound * 3 + 1, name)
    try:
        wait_for(lambda: gate.inside == bound, lambda: f"{bound} at once, not {gate.inside}")
        stays_false(lambda: gate.inside > bound, f"more than {bound} at once", 1)
    finally:
        gate.open()
    wait_for(lambda: len(endpoint.bodies()) >= before + len(bodies), "all to arrive")
    assert sorted(endpoint.bodies()[before:]) == sorted(bodies)
    assert gate.most == bound


@pytest.mark.parametrize(
    "asked, granted", [(None, 1), (1, 1), (2, 2), (5, 5), (LIMIT, LIMIT), (LIMIT + 1, LIMIT), (1000, LIMIT)]
)
def test_subscriber_gets_as_many_at_once_as_it_asks_for_within_the_limit(flight, subscriber, asked, granted):
    """dispatcher.max_in_flight_limit"""
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "bound")
    subscribe_with(hub, topic, endpoint, asked)
    check_bound(hub, topic, endpoint, granted)


def test_renewal_may_change_the_number(flight, subscriber):
    """And one that does not name it goes back to the default, as with the secret."""
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "renewed")
    for index, (asked, granted) in enumerate([(2, 2), (6, 6), (None, 1)]):
        endpoint.on_delivery = answer(200)
        subscribe_with(hub, topic, endpoint, asked)
        check_bound(hub, topic, endpoint, granted, f"round {index}")


@pytest.mark.parametrize("value", ["0", "-1", "1001", "x", "1.5", " 2", "99999999999999999999"])
def test_number_out_of_range_is_refused(flight, subscriber, value):
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "refused")
    hub.subscribe(topic, endpoint.url, extra={"hub.max_in_flight": value}).check_denied(400)


def test_number_given_twice_is_refused(flight, subscriber):
    hub, endpoint = flight.hub(), subscriber.endpoint()
    fields = [("hub.mode", "subscribe"), ("hub.topic", register_topic(hub)), ("hub.callback", endpoint.url)]
    repeated = [("hub.max_in_flight", "2"), ("hub.max_in_flight", "2")]
    hub.control(fields + repeated).check_denied(400)


def test_default_keeps_the_order_while_messages_fail_now_and_then(flight, subscriber):
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "order")
    subscribe_with(hub, topic, endpoint, None)
    endpoint.on_delivery = every_nth_fails(5)
    endpoint.wait_bodies(publish(hub, topic, 40))


def every_nth_fails(nth: int):
    lock, count = threading.Lock(), [0]

    def behave(received):
        with lock:
            count[0] += 1
            fails = count[0] % nth == 0
        return answer(500 if fails else 200)(received)

    return behave


def test_several_at_once_arrive_once_each_while_messages_fail_now_and_then(flight, subscriber):
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "failing")
    subscribe_with(hub, topic, endpoint, 5)
    endpoint.on_delivery = every_nth_fails(7)
    bodies = publish(hub, topic, 100)
    wait_for(lambda: len(endpoint.bodies()) >= len(bodies), lambda: f"all to arrive{endpoint.describe()}", 60)
    assert sorted(endpoint.bodies()) == sorted(bodies)


def test_one_message_that_is_refused_holds_the_position_but_not_those_on_their_way(flight, subscriber):
    """The oldest unconfirmed one is tried until it is taken; what was confirmed beyond it is not repeated."""
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "gap")
    subscribe_with(hub, topic, endpoint, 4)
    refused = planted.payload("message 0")
    endpoint.on_delivery = lambda received: answer(500 if received.body == refused else 200)(received)
    bodies = publish(hub, topic, 12)
    wait_for(lambda: sum(a.body == refused for a in endpoint.attempts()) >= 4, "the refused one repeated")
    endpoint.on_delivery = answer(200)
    wait_for(lambda: len(endpoint.bodies()) >= len(bodies), "all to arrive")
    assert sorted(endpoint.bodies()) == sorted(bodies)


def test_nothing_is_lost_when_the_dispatcher_is_killed(flight, subscriber):
    """The lowest gap decides where it goes on: one message hangs while later ones are confirmed."""
    hub, endpoint = flight.hub(), subscriber.endpoint()
    topic = register_topic(hub, "killed")
    subscribe_with(hub, topic, endpoint, 4)
    history, release = History(topic), threading.Event()

    def every_thirtieth_hangs(received):
        number = int(received.body.rpartition(b" ")[2])
        if number % 30 == 0 and not release.is_set():
            release.wait(60)
            return None
        return slow(0.01, answer(200))(received)

    endpoint.on_delivery = every_thirtieth_hangs
    with SteadyPublisher(history, flight.hubs(), per_second=100) as publisher:
        for _ in range(3):
            publisher.wait_confirmed(60)
            history.fault("kill -9 dispatcher-0")
            flight.kill("dispatcher-0")
            flight.start("dispatcher-0")
    release.set()
    confirmed = history.confirmed()
    wait_for(
        lambda: {d.message_id for d in endpoint.deliveries()} >= set(confirmed.values()),
        lambda: f"all to arrive{endpoint.describe()}",
        60,
        pause=0.1,
    )
