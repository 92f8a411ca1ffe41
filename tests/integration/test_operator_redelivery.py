"""What an operator wants once more comes once more, apart from the order; and it survives what happens."""

import uuid

import pytest

from harness import planted
from harness.behaviours import answer, slow
from harness.feed import SETTINGS, Feed, make_feed
from harness.suite import Suite
from harness.wait import wait_for


@pytest.fixture(scope="module")
def commanded(kafka, tmp_path_factory):
    prefix = "redeliver-"
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=SETTINGS) as suite:
        yield suite


@pytest.fixture
def feed(commanded, kafka_view, subscriber):
    return make_feed(commanded.start(), kafka_view, subscriber)


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
    feed.restart_dispatcher("SIGTERM")  # commits: none of these comes again
    feed.endpoint.on_delivery = slow(0.2, answer(200))
    redeliver(feed, bodies[:6])
    feed.endpoint.wait_attempts(8 + 3)
    feed.suite.kill("dispatcher-0")
    tried = len(feed.endpoint.attempts()) - 8
    feed.endpoint.on_delivery = answer(200)
    feed.suite.start("dispatcher-0")
    wait_none_left(feed)
    again = feed.endpoint.bodies()[8:]
    assert set(again) == set(bodies[:6])
    # What was told just before the kill may not have been in Kafka yet, and one more been on its way to us.
    assert len(again) <= 6 + tried + 1, feed.endpoint.describe()


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
