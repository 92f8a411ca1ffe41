"""What an operator moves goes on there: skip and replay; and it survives what happens."""

import signal
import threading
import uuid

import pytest

from harness import planted
from harness.behaviours import answer, first, hold
from harness.commands import OPERATOR
from harness.feed import SETTINGS, make_feed, refusing, suspend, wait_replayed
from harness.suite import Suite


@pytest.fixture(scope="module")
def commanded(kafka, tmp_path_factory):
    prefix = "move-"
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=SETTINGS) as suite:
        yield suite


@pytest.fixture
def feed(commanded, kafka_view, subscriber):
    return make_feed(commanded.start(), kafka_view, subscriber)


# --- move ---


def test_skip_to_the_end_leaves_the_backlog_out(feed):
    waiting = suspend(feed)
    end = feed.commands.end(feed.endpoint)
    feed.move(end)
    moved = feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    assert (moved["offset"], moved["by"]) == (end, OPERATOR)
    assert feed.commands.state(feed.endpoint)["status"] == "suspended"
    feed.endpoint.on_delivery = refusing(waiting)
    later = feed.publish("later", 3)
    feed.endpoint.wait_bodies(later)
    feed.commands.wait_status(feed.endpoint, "active")


def test_skip_while_the_subscriber_fails_goes_on_at_the_chosen_message(feed):
    waiting = suspend(feed)
    feed.move(feed.commands.offset_of(feed.endpoint, waiting[4]))
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    seen = len(feed.endpoint.attempts())
    assert feed.endpoint.wait_attempts(seen + 2)[-1].body == waiting[4]
    feed.endpoint.on_delivery = refusing(waiting[:4])
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
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
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


def test_move_while_deliveries_are_under_way(feed):
    """Backwards, in the middle of a backlog: all once more, and what was under way at most once besides."""
    offset = feed.commands.end(feed.endpoint)
    release = threading.Event()
    feed.endpoint.on_delivery = first(39, answer(200), then=hold(release, answer(200)))
    bodies = feed.publish("streamed", 60)
    feed.endpoint.wait_attempts(40)
    feed.move(offset)
    feed.commands.wait_recorded(feed.endpoint, "delivery.moved")
    feed.endpoint.on_delivery = answer(200)
    release.set()
    wait_replayed(feed, bodies, bodies, at_least=39)
    assert len(feed.endpoint.bodies()) <= 40 + len(bodies), "more was repeated than what was under way"


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
    feed.endpoint.on_delivery = refusing(waiting)
    feed.suite.start("dispatcher-0")
    later = feed.publish("later", 3)
    feed.endpoint.wait_bodies(later)


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
