"""The operators' console, clicked through: what helps a subscriber that is behind."""

from harness import planted
from harness.behaviours import answer
from harness.commands import Commands
from harness.console import DIALOG, Watched
from harness.feed import refusing


def test_pausing_and_resuming(guarded, root, feed, kafka_view):
    root.go(feed.view)
    root.click("Pause", ".actions")
    root.wait_text("Nothing is sent", feed.topic, feed.endpoint.url, selector=DIALOG)
    root.click("Cancel", DIALOG)
    root.click("Pause", ".actions")
    root.fill("reason", "moves house")
    root.confirm("Pause")
    root.wait_text("Paused by an operator", "moves house")
    # The hub may know before the dispatcher does.
    commands = Commands(guarded, kafka_view, feed.topic, int(guarded.settings["WEBSUB_KAFKA_PARTITIONS"]))
    commands.wait_recorded(feed.endpoint, "delivery.paused")
    bodies = feed.publish("waiting")
    root.wait_text("1 message", selector=".figures")
    root.act("Resume", "Resume", "Deliveries continue at once")
    feed.endpoint.wait_bodies(bodies)
    root.wait_text("Up to date.")


def test_skipping_what_is_missed(root, feed):
    skipped = feed.fail("skipped", "skipped too")
    root.go(feed.view)
    root.wait_text("2 messages", selector=".figures")
    root.act("Skip", "Skip", "not delivered")
    root.wait_text("Nothing is missed")
    feed.endpoint.on_delivery = refusing(skipped)
    later = feed.publish("later")
    feed.endpoint.wait_bodies(later)
    root.wait_text("Up to date.")


def test_skipping_to_a_message_that_is_on_show(root, feed):
    first, second = feed.fail("first", "second")
    root.go(feed.view)
    root.wait_text("second", selector=".table")
    root.click("Look into message")
    root.click("Next", DIALOG)
    root.wait_text("second", selector=".body-text")
    root.click("Continue at this message", DIALOG)
    root.wait_text("skipped", selector=f"{DIALOG}:has(form)")
    root.confirm("Continue here")
    root.click("Close", DIALOG)
    root.wait_without("first", selector=".table")
    feed.endpoint.on_delivery = refusing([first])
    feed.endpoint.wait_bodies([second])


def test_replaying_from_a_message(root, feed, expected_complaints):
    expected_complaints += ["409 (Conflict)", "404 (Not Found)"]
    first, second = feed.publish("first", "second")
    feed.endpoint.wait_bodies([first, second])
    message = feed.endpoint.deliveries()[1].message_id
    root.go(feed.view)
    root.click("Replay", ".actions")
    root.choose("offset")
    root.fill("place", "1000000")
    root.click("Replay", ".dialog-foot")
    root.wait_text("lies behind the last message", selector=f"{DIALOG} .field.is-wrong")
    root.choose("message")
    root.fill("place", message)
    root.confirm("Replay")
    feed.endpoint.wait_bodies([first, second, second])
    root.go(f"{feed.view}/attempts")
    root.wait_text("Moved to another place by an operator")


def test_replaying_since_a_time(root, feed):
    bodies = feed.publish("first", "second")
    feed.endpoint.wait_bodies(bodies)
    warm_ups = len(feed.endpoint.warm_ups())
    root.go(feed.view)
    root.wait_text("Up to date.")
    root.click("All of the topic")
    root.wait_text("first", "second", selector=".table")
    root.click("Replay", ".actions")
    root.choose("beginning")
    root.confirm("Replay")
    feed.endpoint.wait_bodies(bodies * 2)
    assert len(feed.endpoint.warm_ups()) > warm_ups  # from the very beginning


def test_redelivering_one_message(root, feed):
    bodies = feed.publish("first", "second")
    feed.endpoint.wait_bodies(bodies)
    root.go(feed.view)
    root.click("All of the topic")
    text = root.wait_text("first", "second", selector=".table")
    assert planted.MARK in text
    message = feed.endpoint.deliveries()[0].message_id
    root.click(f"Look into message {message}")
    root.click("Redeliver", DIALOG)
    root.wait_text("apart from their order", selector=f"{DIALOG}:has(form)")
    root.confirm("Redeliver")
    feed.endpoint.wait_bodies([*bodies, bodies[0]])


def test_redelivering_dead_letters(burying, console, subscriber):
    hub = burying.hub()
    feed = Watched.new(hub, subscriber)
    feed.endpoint.on_delivery = answer(422)
    feed.publish("given up", "given up too")
    feed.wait_missed(2, "dead-letters")
    console.open(burying, f"{feed.view}/messages?source=dead-letters")
    console.wait_text("given up", "given up too", "a client error", selector=".table")
    feed.endpoint.on_delivery = answer(200)
    seen = len(feed.endpoint.attempts())
    console.click("Redeliver all dead letters")
    console.wait_text("one at a time", selector=DIALOG)
    console.confirm("Redeliver all")
    feed.endpoint.wait_attempts(seen + 2)
    console.wait_text("No dead letters")


def test_deleting(root, feed, expected_complaints):
    expected_complaints.append("404 (Not Found)")
    root.go(feed.view)
    root.act("Delete", "Delete", "This cannot be undone.")
    feed.endpoint.wait_denied()
    root.wait_text("It has ended")
