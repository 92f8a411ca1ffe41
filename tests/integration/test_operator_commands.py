"""What an operator commands is done: pause, resume, delete; and it survives what happens."""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.commands import OPERATOR, Commands
from harness.feed import MAX_INTERVAL, PARTITIONS, SETTINGS, Feed, make_feed, suspend
from harness.settle import subscribe, wait_silent
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for


@pytest.fixture(scope="module")
def commanded(kafka, tmp_path_factory):
    prefix = "command-"
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=SETTINGS) as suite:
        yield suite


@pytest.fixture
def feed(commanded, kafka_view, subscriber):
    return make_feed(commanded.start(), kafka_view, subscriber)


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
    # What is confirmed and not known to Kafka yet would come again.
    wait_position(feed, feed.commands.offset_of(feed.endpoint, before[-1]) + 1)
    feed.restart_dispatcher()
    waiting += feed.publish("waiting more", 2)
    feed.stays_silent("delivered after a restart")
    feed.commands.resume(feed.endpoint)
    feed.endpoint.wait_bodies(before + waiting)
    assert "reason" not in feed.commands.wait_status(feed.endpoint, "active")


def wait_position(feed: Feed, offset: int) -> None:
    """Until this is the position of its own that a paused one has in state."""
    feed.commands.wait_state(
        feed.endpoint,
        f"the position {offset}",
        lambda state: state.get("detached") and state["offset"] == offset,
    )


def test_pause_lets_what_is_under_way_end(feed):
    """Its outcome counts, even if the dispatcher is killed then: nothing is repeated, nothing missed."""
    release = threading.Event()
    feed.endpoint.on_delivery = hold(release, answer(200))
    bodies = feed.publish("held", 4)
    feed.endpoint.wait_attempts(1)
    first = feed.commands.offset_of(feed.endpoint, bodies[0])
    feed.commands.pause(feed.endpoint)
    release.set()
    wait_position(feed, first + 1)
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
    feed.wait_nothing_under_way()
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
    subscribe(hub, topic, endpoint)
    feed = Feed(suite, topic, endpoint, Commands(suite, kafka_view, topic, PARTITIONS))
    feed.commands.pause(endpoint)
    hub.subscribe(topic, endpoint.url, lease_seconds=1).check_accepted(202)
    feed.commands.wait_status(endpoint, "lapsed")
    bodies = feed.publish("waiting", 3)
    hub.subscribe(topic, endpoint.url, lease_seconds=600).check_accepted(202)
    endpoint.wait_verified(count=3)
    feed.commands.wait_status(endpoint, "paused")
    feed.stays_silent("delivered in a pause")
    feed.commands.resume(endpoint)
    endpoint.wait_bodies(bodies)


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
    wait_for(lambda: feed.endpoint.bodies()[-len(waiting) :] == waiting, feed.endpoint.describe)
    arrived = feed.endpoint.bodies()
    repeated = len(arrived) - len(before) - len(waiting)
    assert arrived == before + before[len(before) - repeated :] + waiting, feed.endpoint.describe()


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
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    assert len(feed.commands.recorded(feed.endpoint, "delivery.moved")) == 1
    assert feed.commands.state(nobody) is None and nobody.requests() == []
    assert feed.endpoint.denials() == []
