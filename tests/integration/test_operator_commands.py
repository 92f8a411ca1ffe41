"""What an operator commands is done: pause, resume, skip, replay, delete; and it survives what happens."""

import signal
import threading
import uuid
from dataclasses import dataclass

import pytest

from harness import planted
from harness.behaviours import answer, hold, slow
from harness.commands import OPERATOR, Commands
from harness.hub_client import HubClient
from harness.kafka_view import KafkaView
from harness.settle import subscribe, wait_silent
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import stays_false, wait_for

PARTITIONS = 8
MAX_INTERVAL = 1

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_RETRY_GIVE_UP_AFTER": "1s",
    "WEBSUB_RETRY_MIN_INTERVAL": "200ms",
    "WEBSUB_RETRY_MAX_INTERVAL": f"{MAX_INTERVAL}s",
    "WEBSUB_HUB_LEASE_SECONDS_DEFAULT": "3600",
}


@pytest.fixture(scope="module")
def commanded(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("command"), "command-", settings=SETTINGS) as suite:
        yield suite


@dataclass
class Feed:
    """A topic with one subscription."""

    suite: Suite
    topic: str
    endpoint: Endpoint
    commands: Commands

    @property
    def hub(self) -> HubClient:
        return self.suite.hub()

    def publish(self, name: str, count: int) -> list[bytes]:
        hub, bodies = self.hub, [planted.payload(f"{name} {number}") for number in range(count)]
        for body in bodies:
            hub.publish(self.topic, body).check_accepted()
        return bodies

    def publish_and_wait(self, name: str, count: int) -> list[bytes]:
        before = self.endpoint.bodies()
        bodies = self.publish(name, count)
        self.endpoint.wait_bodies(before + bodies)
        return bodies

    def move(self, offset: int, **fields: object) -> None:
        self.commands.give("delivery.move", self.endpoint, offset=offset, **fields)

    def stays_silent(self, what: str, for_seconds: float = 1.5) -> None:
        seen = len(self.endpoint.attempts())
        stays_false(lambda: self.endpoint.attempts()[seen:] and self.endpoint.describe(), what, for_seconds)

    def restart_dispatcher(self, how: str = "kill -9") -> None:
        if how == "SIGTERM":
            self.suite.terminate("dispatcher-0")
        else:
            self.suite.kill("dispatcher-0")
        self.suite.start("dispatcher-0")


@pytest.fixture
def feed(commanded: Suite, kafka_view: KafkaView, subscriber: Subscriber) -> Feed:
    suite = commanded.start()
    hub, endpoint = suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "commanded")
    subscribe(hub, topic, endpoint, planted.secret())
    return Feed(suite, topic, endpoint, Commands(suite, kafka_view, topic, PARTITIONS))


def suspend(feed: Feed) -> list[bytes]:
    """What waits for the subscription then."""
    feed.endpoint.on_delivery = answer(500)
    waiting = feed.publish("waiting", 6)
    feed.commands.wait_status(feed.endpoint, "suspended")
    return waiting


# --- pause and resume ---


def test_pause_stops_deliveries_until_resumed(feed):
    """It outlives a renewal and a dispatcher's crash; then everything comes in order and once."""
    before = feed.publish_and_wait("before", 3)
    feed.commands.pause(feed.endpoint, "moves house")
    waiting = feed.publish("waiting", 5)
    feed.stays_silent("delivered in a pause")
    lease_end = feed.commands.state(feed.endpoint)["lease_end"]
    feed.hub.subscribe(feed.topic, feed.endpoint.url, planted.secret(), 7200).check_accepted(202)
    feed.endpoint.wait_verified(count=2)
    state = feed.commands.wait_state(
        feed.endpoint, "the renewed lease", lambda state: state["lease_end"] > lease_end
    )
    assert (state["status"], state["reason"], state["paused_by"]) == ("paused", "moves house", OPERATOR)
    feed.stays_silent("delivered after a renewal")
    feed.restart_dispatcher()
    waiting += feed.publish("waiting more", 2)
    feed.stays_silent("delivered after a restart")
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(before + waiting)
    assert "reason" not in feed.commands.wait_status(feed.endpoint, "active")


def test_pause_lets_what_is_under_way_end(feed):
    """Its outcome counts, even if the dispatcher is killed then: nothing is repeated, nothing missed."""
    release = threading.Event()
    feed.endpoint.on_delivery = hold(release, answer(200))
    bodies = feed.publish("held", 4)
    feed.endpoint.wait_attempts(1)
    first = feed.commands.offset_of(feed.endpoint, bodies[0])
    feed.commands.pause(feed.endpoint)
    release.set()
    feed.commands.wait_state(
        feed.endpoint,
        "the position behind what was under way",
        lambda state: state.get("detached") and state["offset"] == first + 1,
    )
    feed.restart_dispatcher()
    feed.stays_silent("delivered in a pause")
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(bodies)
    assert len(feed.endpoint.attempts()) == len(bodies)


def test_paused_one_holds_nobody_back(feed, subscriber):
    """Another subscription of the topic goes on, also after a crash, and so does the paused one later."""
    other = subscriber.endpoint("other")
    subscribe(feed.hub, feed.topic, other)
    feed.commands.pause(feed.endpoint)
    bodies = feed.publish("meanwhile", 20)
    other.wait_bodies(bodies)
    feed.restart_dispatcher("SIGTERM")
    bodies += feed.publish("later", 5)
    other.wait_bodies(bodies)
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(bodies)


def test_paused_one_is_not_probed(feed):
    """A suspended one that is paused is left alone; when it is resumed it is active."""
    waiting = suspend(feed)
    feed.commands.pause(feed.endpoint)
    wait_for(lambda: all(a.status for a in feed.endpoint.attempts()), "the last probe answered")
    feed.stays_silent("probed in a pause", MAX_INTERVAL * 3)
    feed.endpoint.on_delivery = answer(200)
    feed.stays_silent("probed in a pause", MAX_INTERVAL * 2)
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(waiting)
    assert "reason" not in feed.commands.wait_status(feed.endpoint, "active")


def test_pause_outlives_a_lapsed_lease(commanded, kafka_view, subscriber):
    suite = commanded.start()
    hub, endpoint = suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "lapsing")
    subscribe(hub, topic, endpoint, lease_seconds=4)
    feed = Feed(suite, topic, endpoint, Commands(suite, kafka_view, topic, PARTITIONS))
    feed.commands.pause(endpoint)
    feed.commands.wait_status(endpoint, "lapsed")
    bodies = feed.publish("waiting", 3)
    hub.subscribe(topic, endpoint.url, lease_seconds=600).check_accepted(202)
    endpoint.wait_verified(count=2)
    feed.commands.wait_status(endpoint, "paused")
    feed.stays_silent("delivered in a pause")
    feed.commands.resume(endpoint)
    endpoint.wait_bodies(bodies)


# --- move ---


def test_skip_to_the_end_leaves_the_backlog_out(feed):
    waiting = suspend(feed)
    end = feed.commands.end(feed.endpoint)
    feed.move(end)
    moved = feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    assert (moved["offset"], moved["by"]) == (end, OPERATOR)
    assert feed.commands.state(feed.endpoint)["status"] == "suspended"
    feed.endpoint.on_delivery = answer(200)
    later = feed.publish("later", 3)
    feed.endpoint.wait_bodies(later)
    feed.commands.wait_status(feed.endpoint, "active")
    assert not set(feed.endpoint.bodies()) & set(waiting)


def test_skip_while_the_subscriber_fails_goes_on_at_the_chosen_message(feed):
    waiting = suspend(feed)
    feed.move(feed.commands.offset_of(feed.endpoint, waiting[4]))
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    seen = len(feed.endpoint.attempts())
    assert feed.endpoint.wait_attempts(seen + 2)[-1].body == waiting[4]
    feed.endpoint.on_delivery = answer(200)
    feed.endpoint.wait_bodies(waiting[4:])


def test_replay_delivers_everything_from_there_again_in_order(feed):
    """Once, though the command comes twice, and then what is published."""
    bodies = feed.publish_and_wait("replayed", 10)
    request = str(uuid.uuid4())
    offset = feed.commands.offset_of(feed.endpoint, bodies[3])
    feed.move(offset, request=request)
    feed.move(offset, request=request)
    feed.endpoint.wait_bodies(bodies + bodies[3:])
    ids = [delivery.message_id for delivery in feed.endpoint.deliveries()]
    assert ids[10:] == ids[3:10]
    assert all(delivery.is_signed_with(planted.secret()) for delivery in feed.endpoint.deliveries())
    later = feed.publish("later", 3)
    feed.endpoint.wait_bodies(bodies + bodies[3:] + later)
    assert len(feed.commands.recorded(feed.endpoint, "delivery.moved")) == 1


def test_replay_in_a_pause_waits_for_the_resume(feed):
    bodies = feed.publish_and_wait("replayed", 5)
    feed.commands.pause(feed.endpoint)
    feed.move(feed.commands.offset_of(feed.endpoint, bodies[2]))
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    feed.stays_silent("delivered in a pause")
    assert feed.commands.state(feed.endpoint)["status"] == "paused"
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(bodies + bodies[2:])


def test_replay_from_before_the_oldest_retained_message_begins_with_that(feed, kafka_view):
    bodies = feed.publish_and_wait("retained", 6)
    state = feed.commands.state(feed.endpoint)
    kafka_view.delete_before(
        state["kafka_topic"], state.get("partition", 0), feed.commands.offset_of(feed.endpoint, bodies[4])
    )
    feed.move(0)
    feed.endpoint.wait_bodies(bodies + bodies[4:])
    later = feed.publish("later", 2)
    feed.endpoint.wait_bodies(bodies + bodies[4:] + later)


def wait_replayed(feed: Feed, before: list[bytes], again: list[bytes], at_least: int) -> None:
    """Until all of `again` arrived in order and last, after that many or more of `before`."""

    def probe() -> bool:
        bodies = feed.endpoint.bodies()
        return len(bodies) >= at_least + len(again) and bodies[-len(again) :] == again

    wait_for(probe, lambda: f"the replay{feed.endpoint.describe()}")
    first = feed.endpoint.bodies()[: -len(again)]
    assert first == before[: len(first)], f"not in order{feed.endpoint.describe()}"


def test_move_while_deliveries_are_under_way(feed):
    """Backwards, in the middle of a backlog: all once more, and what was under way at most once besides."""
    offset = feed.commands.end(feed.endpoint)
    feed.endpoint.on_delivery = slow(0.05, answer(200))
    bodies = feed.publish("streamed", 150)
    feed.endpoint.wait_attempts(40)
    feed.move(offset)
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    feed.endpoint.on_delivery = answer(200)
    wait_replayed(feed, bodies, bodies, at_least=39)
    assert len(feed.endpoint.bodies()) < 2 * len(bodies), "it was not in the middle"


# --- with crashes ---


@pytest.mark.parametrize("how", ["kill -9", "SIGTERM"])
def test_move_during_a_hand_over_is_done_by_the_next_owner(feed, how):
    bodies = feed.publish_and_wait("replayed", 8)
    offset = feed.commands.offset_of(feed.endpoint, bodies[2])
    feed.move(offset)
    feed.restart_dispatcher(how)
    wait_replayed(feed, bodies + bodies[2:], bodies[2:], at_least=len(bodies))


def test_skip_during_a_hand_over_is_done_by_the_next_owner(feed):
    waiting = suspend(feed)
    feed.move(feed.commands.end(feed.endpoint))
    feed.suite.kill("dispatcher-0")
    feed.commands.wait_state(feed.endpoint, "the move", lambda state: state["base"] == state["set"])
    feed.endpoint.on_delivery = answer(200)
    feed.suite.start("dispatcher-0")
    later = feed.publish("later", 3)
    feed.endpoint.wait_bodies(later)
    assert not set(feed.endpoint.bodies()) & set(waiting)


def test_pause_during_a_hand_over_is_kept_by_the_next_owner(feed):
    before = feed.publish_and_wait("before", 2)
    feed.commands.give("delivery.pause", feed.endpoint)
    feed.suite.kill("dispatcher-0")
    feed.commands.wait_status(feed.endpoint, "paused")
    feed.suite.start("dispatcher-0")
    waiting = feed.publish("waiting", 3)
    seen = len(feed.endpoint.attempts())
    # What was confirmed after the last commit may come again, but only after the pause.
    feed.commands.wait_state(feed.endpoint, "its own position", lambda state: state.get("detached"))
    feed.stays_silent("delivered in a pause")
    assert len(feed.endpoint.attempts()) == seen
    feed.commands.resume(feed.endpoint)
    wait_replayed(feed, before + before, waiting, at_least=len(before))


def test_move_while_the_owner_is_stopped_is_not_undone_when_it_wakes_up(feed):
    """It still delivers and tells what it knew; what state says then is the move."""
    bodies = feed.publish_and_wait("replayed", 8)
    dispatcher = feed.suite["dispatcher-0"]
    dispatcher.signal(signal.SIGSTOP)
    offset = feed.commands.offset_of(feed.endpoint, bodies[5])
    feed.move(offset)
    feed.commands.wait_state(feed.endpoint, "the move", lambda state: state["offset"] == offset)
    dispatcher.signal(signal.SIGCONT)
    feed.endpoint.wait_bodies(bodies + bodies[5:])


# --- redeliver ---


def redeliver(feed: Feed, bodies: list[bytes]) -> None:
    for body in bodies:
        offset = feed.commands.offset_of(feed.endpoint, body)
        feed.commands.give("delivery.redeliver", feed.endpoint, offset=offset)


def wait_none_left(feed: Feed) -> None:
    feed.commands.wait_state(
        feed.endpoint, "nothing left to redeliver", lambda state: "redeliver" not in state
    )


def test_redelivered_message_comes_once_more_apart_from_the_order(feed):
    bodies = feed.publish_and_wait("first", 5)
    request = str(uuid.uuid4())
    offset = feed.commands.offset_of(feed.endpoint, bodies[1])
    for _ in range(2):
        feed.commands.give("delivery.redeliver", feed.endpoint, offset=offset, request=request)
    feed.endpoint.wait_bodies([*bodies, bodies[1]])
    first, second = (d for d in feed.endpoint.deliveries() if d.body == bodies[1])
    assert first.message_id == second.message_id
    assert second.is_signed_with(planted.secret())
    wait_none_left(feed)
    assert feed.commands.wait_recorded(feed.endpoint, "delivery.redelivered")["offset"] == offset
    redeliver(feed, bodies[1:2])
    feed.endpoint.wait_bodies([*bodies, bodies[1], bodies[1]])
    later = feed.publish("later", 2)
    feed.endpoint.wait_bodies([*bodies, bodies[1], bodies[1], *later])
    wait_none_left(feed)
    feed.stays_silent("delivered once too often")


def test_redelivery_goes_on_after_a_crash(feed):
    """Nothing is missed, and only what was under way may come again."""
    bodies = feed.publish_and_wait("first", 8)
    feed.endpoint.on_delivery = slow(0.2, answer(200))
    redeliver(feed, bodies[:6])
    feed.endpoint.wait_attempts(8 + 3)
    feed.suite.kill("dispatcher-0")
    feed.endpoint.on_delivery = answer(200)
    feed.suite.start("dispatcher-0")
    wait_none_left(feed)
    again = feed.endpoint.bodies()[8:]
    assert set(again) == set(bodies[:6])
    # What was told in the second before the kill may not have been in Kafka yet.
    assert len(again) <= 6 + 3, feed.endpoint.describe()


def test_message_that_is_refused_again_is_given_up_and_holds_nothing_up(feed):
    bodies = feed.publish_and_wait("first", 4)
    feed.endpoint.on_delivery = lambda received: answer(500 if received.body == bodies[0] else 200)(received)
    redeliver(feed, bodies)
    given_up = feed.commands.wait_recorded(feed.endpoint, "delivery.not_redelivered")
    assert given_up["reason"] == "status_5xx"
    assert given_up["offset"] == feed.commands.offset_of(feed.endpoint, bodies[0])
    wait_none_left(feed)
    assert sorted(feed.endpoint.bodies()) == sorted(bodies + bodies[1:])
    later = feed.publish("later", 2)
    wait_for(
        lambda: feed.endpoint.bodies()[-2:] == later, lambda: f"the later ones{feed.endpoint.describe()}"
    )
    assert feed.commands.state(feed.endpoint)["status"] == "active"


def test_redelivery_waits_for_the_end_of_a_pause(feed):
    bodies = feed.publish_and_wait("first", 3)
    feed.commands.pause(feed.endpoint)
    redeliver(feed, bodies[:2])
    feed.commands.wait_state(feed.endpoint, "two to redeliver", lambda s: len(s.get("redeliver", [])) == 2)
    feed.stays_silent("delivered in a pause")
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(bodies + bodies[:2])


def test_redelivery_of_what_is_not_retained_is_given_up(feed, kafka_view):
    bodies = feed.publish_and_wait("first", 4)
    state, offset = feed.commands.state(feed.endpoint), feed.commands.offset_of(feed.endpoint, bodies[0])
    kafka_view.delete_before(state["kafka_topic"], state.get("partition", 0), offset + 2)
    feed.commands.give("delivery.redeliver", feed.endpoint, offset=offset)
    given_up = feed.commands.wait_recorded(feed.endpoint, "delivery.not_redelivered")
    assert (given_up["reason"], given_up["offset"]) == ("no_message", offset)
    wait_none_left(feed)
    redeliver(feed, bodies[2:3])
    feed.endpoint.wait_bodies([*bodies, bodies[2]])


# --- delete ---


def test_delete_ends_the_subscription_with_a_notice(feed, subscriber):
    witness = subscriber.endpoint("witness")
    subscribe(feed.hub, feed.topic, witness)
    before = feed.publish_and_wait("before", 2)
    feed.commands.give("subscription.delete", feed.endpoint, reason="the contract ended")
    denial = feed.endpoint.wait_denied()
    assert denial.parameter("hub.topic") == feed.topic
    assert denial.parameter("hub.reason") == "the contract ended"
    wait_for(lambda: feed.commands.state(feed.endpoint) is None, "the state record gone", pause=0.1)
    wait_silent(feed.hub, feed.topic, ended=feed.endpoint, witness=witness)
    assert feed.endpoint.bodies() == before
    subscribe(feed.hub, feed.topic, feed.endpoint)
    after = feed.publish("after", 2)
    feed.endpoint.wait_bodies(before + after)


# --- what makes no sense ---


def test_commands_for_what_is_not_there_and_malformed_ones_change_nothing(feed, subscriber):
    nobody = subscriber.endpoint("nobody")
    known = {"owner": OPERATOR, "operator": True}
    for kind in ("delivery.pause", "delivery.resume", "delivery.move", "subscription.delete"):
        feed.commands.give(kind, nobody, offset=0)
    for fields in (known, known | {"request": "short"}):
        feed.commands.write("delivery.pause", feed.endpoint.url, **fields)
        feed.commands.write("delivery.move", feed.endpoint.url, offset=0, **fields)
        feed.commands.write("subscription.delete", feed.endpoint.url, **fields)
    for offset in (-1, "0", None, 2**70):
        feed.commands.give("delivery.move", feed.endpoint, offset=offset)
    feed.commands.give("delivery.move", feed.endpoint, offset=0, kafka_topic="elsewhere", partition=0)
    bodies = feed.publish_and_wait("after", 3)
    # One that makes sense is done after them all: they have been folded.
    feed.move(feed.commands.offset_of(feed.endpoint, bodies[1]))
    feed.endpoint.wait_bodies(bodies + bodies[1:])
    assert len(feed.commands.recorded(feed.endpoint, "delivery.moved")) == 1
    assert feed.commands.state(nobody) is None and nobody.requests() == []
    assert feed.endpoint.denials() == []
