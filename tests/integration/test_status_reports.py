"""What dispatchers report for operators: how deliveries to each subscription go, and who is there."""

import itertools
import socket
import threading
import time
from dataclasses import dataclass

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.commands import Commands
from harness.hub_client import HubClient
from harness.kafka_view import KafkaView
from harness.metrics import metric
from harness.reports import Reports
from harness.settle import subscribe
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

PARTITIONS = 8
INTERVAL_MS = 500
HEALTHY_MS = 2500

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_MESSAGES_LAYOUT": "dedicated",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL": f"{INTERVAL_MS}ms",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL_HEALTHY": f"{HEALTHY_MS}ms",
    "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
    "WEBSUB_RETRY_MIN_INTERVAL": "200ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "1s",
}


@dataclass
class Feed:
    """A topic with one subscription."""

    suite: Suite
    view: KafkaView
    topic: str
    endpoint: Endpoint
    commands: Commands
    reports: Reports

    @property
    def hub(self) -> HubClient:
        return self.suite.hub()

    def publish(self, name: str, count: int = 1) -> list[bytes]:
        hub, bodies = self.hub, [planted.payload(f"{name} {number}") for number in range(count)]
        for body in bodies:
            hub.publish(self.topic, body).check_accepted()
        return bodies

    def published_at(self, offset: int) -> int:
        records = self.view.records(self.commands.state(self.endpoint)["kafka_topic"])
        return next(int(r.header("published-at")) for r in records if r.offset == offset)

    def wait(self, what: str, probe) -> dict:
        return self.reports.wait(self.topic, self.endpoint, what, probe)

    def last(self) -> dict | None:
        return self.reports.last(self.topic, self.endpoint)


def new_feed(suite: Suite, view: KafkaView, endpoint: Endpoint, name: str) -> Feed:
    hub = suite.hub()
    topic = register_topic(hub, name)
    subscribe(hub, topic, endpoint, planted.secret())
    return Feed(suite, view, topic, endpoint, Commands(suite, view, topic, PARTITIONS), Reports(suite, view))


@pytest.fixture(scope="module")
def reporting(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("reports")
    with Suite(kafka.bootstrap, directory, "reports-", settings=SETTINGS) as suite:
        yield suite.start()


@pytest.fixture
def feed(reporting, kafka_view, subscriber) -> Feed:
    return new_feed(reporting, kafka_view, subscriber.endpoint(), "reported")


def failing_since(feed: Feed, count: int = 3) -> tuple[list[bytes], int]:
    """What waits for a subscription whose callback answers 500, and the offset of the first of it."""
    feed.endpoint.on_delivery = answer(500)
    waiting = feed.publish("waiting", count)
    return waiting, feed.commands.offset_of(feed.endpoint, waiting[0])


# --- subscriptions ---


def test_failing_subscription_is_reported_with_its_oldest_message(feed):
    began = int(time.time() * 1000)
    _, first = failing_since(feed)
    report = feed.wait(
        "a few failures and a next attempt", lambda r: r.get("failures", 0) >= 3 and "next_attempt" in r
    )
    assert (report["reason"], report["status"]) == ("status_5xx", 500)
    assert report["next"] == first
    assert report["oldest"] == feed.published_at(first)
    assert began <= report["last_failure"] <= report["at"]
    assert report["last_failure"] <= report["next_attempt"] <= report["at"] + 1000
    assert report["last_success"] <= report["last_failure"], "of the warm-up before"


def test_end_of_failures_is_reported(feed):
    waiting, first = failing_since(feed)
    before = feed.wait("failures", lambda r: r.get("failures", 0) >= 2)
    feed.endpoint.on_delivery = answer(200)
    feed.endpoint.wait_bodies(waiting)
    end = first + len(waiting)
    report = feed.wait("one of a subscription that is well", lambda r: r["next"] == end and "oldest" not in r)
    assert "failures" not in report and "next_attempt" not in report
    assert report["last_success"] > before["last_failure"]
    # What went wrong last stays to be seen.
    assert report["last_failure"] >= before["last_failure"]
    assert (report["reason"], report["status"]) == ("status_5xx", 500)


def test_progress_of_a_catch_up_is_reported(feed):
    """One that is detached is not well yet: each sweep tells how far it has come."""
    waiting, first = failing_since(feed, 6)
    feed.wait("failures", lambda r: r.get("failures", 0) >= 2)
    feed.commands.wait_state(feed.endpoint, "detached", lambda state: state.get("detached"))
    release = threading.Event()

    def stop_at_the_fourth(received):
        if received.body == waiting[3]:
            release.wait(60)
        return answer(200)(received)

    feed.endpoint.on_delivery = stop_at_the_fourth
    report = feed.wait("the position half-way", lambda r: r["next"] == first + 3)
    assert report["oldest"] == feed.published_at(first + 3)
    assert "failures" not in report
    release.set()
    feed.wait("the end", lambda r: r["next"] == first + len(waiting) and "oldest" not in r)


def test_slow_subscription_is_reported_while_its_message_is_under_way(feed):
    release = threading.Event()
    feed.endpoint.on_delivery = hold(release, answer(200))
    held = feed.publish("held")
    feed.endpoint.wait_attempts(1)
    first = feed.commands.offset_of(feed.endpoint, held[0])
    # A warm-up that took its time may have been reported, too.
    report = feed.wait("its oldest message", lambda r: r["next"] == first and "oldest" in r)
    assert report["oldest"] == feed.published_at(first)
    assert "failures" not in report and "last_failure" not in report
    release.set()
    report = feed.wait("nothing open", lambda r: "oldest" not in r)
    assert report["next"] == first + 1


def test_healthy_subscription_is_reported_now_and_then(feed):
    """Deliveries succeed all the time; the status topic hears of it once in the longer interval."""
    sent = feed.publish("first")
    feed.endpoint.wait_bodies(sent)

    def has_rested(earlier: dict, later: dict) -> bool:
        """Times are of the wall clock, intervals of another: some milliseconds may lie between."""
        is_long = later["at"] - earlier["at"] >= HEALTHY_MS - 50
        return is_long and later["next"] - earlier["next"] > 1

    def rests() -> int:
        """There may be others between: a message that takes longer than the interval is news."""
        sent.extend(feed.publish(f"steady {len(sent)}"))
        reports = feed.reports.all_of(feed.topic, feed.endpoint)
        return sum(has_rested(*pair) for pair in itertools.pairwise(reports))

    wait_for(lambda: rests() >= 3, "several deliveries in one report, three times", timeout=60, pause=0.05)
    feed.endpoint.wait_bodies(sent)
    end = feed.commands.end(feed.endpoint)
    report = feed.wait("the last one", lambda r: r["next"] == end)
    assert "oldest" not in report and "failures" not in report
    assert report["last_success"] <= report["at"]


def test_paused_subscription_is_reported(feed):
    feed.endpoint.wait_bodies(feed.publish("before", 2))
    _, first = failing_since(feed)
    feed.wait("failures", lambda r: r.get("failures", 0) >= 2)
    paused_at = int(time.time() * 1000)
    feed.commands.pause(feed.endpoint)
    # Failures are forgotten, but for that of what was under way.
    report = feed.wait(
        "one that waits for nothing",
        lambda r: r["at"] > paused_at and "next_attempt" not in r and r.get("failures", 0) <= 1,
    )
    assert report["next"] == first
    assert report["oldest"] == feed.published_at(first)
    feed.endpoint.on_delivery = answer(200)
    feed.commands.resume(feed.endpoint)
    report = feed.wait("one that is well", lambda r: r["next"] == first + 3 and "oldest" not in r)
    assert report["last_success"] >= paused_at


def test_moved_subscription_is_reported_where_it_was_moved_to(feed):
    _, first = failing_since(feed)
    feed.wait("failures", lambda r: r.get("failures", 0) >= 1)
    feed.endpoint.on_delivery = answer(200)
    end = feed.commands.end(feed.endpoint)
    assert end == first + 3
    feed.commands.give("delivery.move", feed.endpoint, offset=end)
    report = feed.wait("the end", lambda r: r["next"] == end)
    assert "failures" not in report


# --- dispatchers ---


def instance_of(suite: Suite, dispatcher: str) -> str:
    return f"{socket.gethostname()}-{suite[dispatcher].port}"


def has_all_shards(report: dict | None) -> bool:
    return report is not None and report["shards"] == list(range(PARTITIONS))


def test_dispatcher_reports_itself(reporting, feed):
    bodies = feed.publish("counted", 5)
    feed.endpoint.wait_bodies(bodies)
    failing_since(feed)
    feed.wait("a failure", lambda r: r.get("failures", 0) >= 1)
    dispatcher = reporting["dispatcher-0"]
    delivered = metric(dispatcher, "websub_dispatcher_deliveries_total")
    asked_at = int(time.time() * 1000)

    def is_new(report: dict | None) -> bool:
        subscriptions = metric(dispatcher, "websub_dispatcher_subscriptions")
        return report is not None and report["at"] > asked_at and report["subscriptions"] == subscriptions

    report = feed.reports.wait_dispatcher(instance_of(reporting, "dispatcher-0"), "a new report", is_new)
    assert has_all_shards(report)
    assert report["interval_ms"] == INTERVAL_MS
    assert report["started"] <= asked_at
    assert report["delivered"] >= delivered
    assert report["failed"] >= 1
    assert report["subscriptions"] >= 1
    assert report["version"]
    assert report["in_flight"] >= 0


@pytest.fixture(scope="module")
def changing(kafka, tmp_path_factory):
    """Two dispatchers, of which one is started."""
    settings = SETTINGS | {"WEBSUB_RETRY_GIVE_UP_AFTER": "1s"}
    directory = tmp_path_factory.mktemp("changing-reports")
    with Suite(kafka.bootstrap, directory, "changing-reports-", dispatchers=2, settings=settings) as suite:
        yield suite


def suspend(feed: Feed) -> int:
    """The offset of its oldest message."""
    _, first = failing_since(feed)
    feed.commands.wait_status(feed.endpoint, "suspended")
    return first


def test_new_owner_of_a_killed_dispatchers_shards_reports_them(changing, kafka_view, subscriber):
    changing.start("hub-0", "consolidator-0", "dispatcher-0")
    suspended = new_feed(changing, kafka_view, subscriber.endpoint("suspended"), "suspended")
    paused = new_feed(changing, kafka_view, subscriber.endpoint("paused"), "paused")
    first = suspend(suspended)
    report = suspended.wait("a suspended one", lambda r: "next_attempt" in r)
    assert (report["reason"], report["next"]) == ("status_5xx", first)
    paused.commands.pause(paused.endpoint)
    end = paused.commands.end(paused.endpoint)
    paused.wait("a paused one", lambda r: r["next"] == end)
    changing.kill("dispatcher-0")
    killed_at = int(time.time() * 1000)
    changing.start("dispatcher-1")
    suspended.reports.wait_dispatcher(
        instance_of(changing, "dispatcher-1"), "all shards", has_all_shards, timeout=60
    )
    report = suspended.wait(
        "a suspended one, of the new owner",
        lambda r: r["at"] > killed_at and "next_attempt" in r and "failures" in r,
    )
    assert (report["reason"], report["status"], report["next"]) == ("status_5xx", 500, first)
    assert report["oldest"] == suspended.published_at(first)
    assert report["last_failure"] > killed_at
    assert "last_success" not in report, "the new owner does not know of it"
    report = paused.wait("a paused one, of the new owner", lambda r: r["at"] > killed_at)
    assert report["next"] == end
    assert "next_attempt" not in report and "failures" not in report
    reports = suspended.reports.dispatchers()
    assert all(reports[instance_of(changing, "dispatcher-0")]), "a killed dispatcher takes nothing back"


def test_stopped_dispatcher_takes_its_report_back_and_leaves_its_last_news(changing, kafka_view, subscriber):
    changing.start("hub-0", "consolidator-0", "dispatcher-1")
    feed = new_feed(changing, kafka_view, subscriber.endpoint(), "stopped")
    instance = instance_of(changing, "dispatcher-1")
    feed.reports.wait_dispatcher(instance, "a report", has_all_shards, timeout=60)
    bodies = feed.publish("last", 3)
    feed.endpoint.wait_bodies(bodies)
    changing.terminate("dispatcher-1")
    feed.reports.wait_dispatcher(instance, "a tombstone", lambda r: r is None)
    assert feed.last()["next"] == feed.commands.offset_of(feed.endpoint, bodies[-1]) + 1
    changing.start("dispatcher-1")
    feed.reports.wait_dispatcher(instance, "a report again", has_all_shards, timeout=60)


def test_reports_are_counted(reporting, feed):
    failing_since(feed)
    feed.wait("a failure", lambda r: r.get("failures", 0) >= 1)
    dispatcher = reporting["dispatcher-0"]
    assert metric(dispatcher, 'websub_dispatcher_status_reports_total{outcome="written"}') >= 1
    assert metric(dispatcher, 'websub_dispatcher_status_reports_total{outcome="failed"}') == 0
    assert metric(dispatcher, "websub_dispatcher_status_sweeps_cut_total") == 0


def test_dispatcher_that_wakes_up_puts_no_old_news_over_new_ones(kafka, kafka_view, tmp_path, subscriber):
    """It is stopped with a failure to report, and others have taken over when it goes on."""
    # Longer than the pauses: there is always a failure that is not reported yet.
    settings = SETTINGS | {"WEBSUB_DISPATCHER_STATUS_INTERVAL": "2s"}
    with Suite(kafka.bootstrap, tmp_path, "waking-", dispatchers=2, settings=settings) as suite:
        suite.start("hub-0", "consolidator-0", "dispatcher-0")
        feed = new_feed(suite, kafka_view, subscriber.endpoint(), "waking")
        waiting, first = failing_since(feed)
        feed.wait("failures", lambda r: r.get("failures", 0) >= 3)
        feed.endpoint.wait_attempts(len(feed.endpoint.attempts()) + 1)
        stopped, other = suite["dispatcher-0"], instance_of(suite, "dispatcher-1")
        stopped.pause()
        feed.endpoint.on_delivery = answer(200)
        suite.start("dispatcher-1")
        feed.reports.wait_dispatcher(other, "all shards", has_all_shards, timeout=60)
        # What was under way when it was stopped may have arrived, too.
        wait_for(lambda: feed.endpoint.bodies()[-len(waiting) :] == waiting, feed.endpoint.describe)
        feed.wait("its end", lambda r: r["next"] == first + len(waiting) and "oldest" not in r)
        written = len(feed.reports.all_of(feed.topic, feed.endpoint))
        stopped.resume()
        woken_at = int(time.time() * 1000)
        # By then it would have reported.
        feed.reports.wait_dispatcher(
            instance_of(suite, "dispatcher-0"),
            "a report of later than an interval",
            lambda r: r["at"] > woken_at + 2 * 2000,
        )
        later = feed.reports.all_of(feed.topic, feed.endpoint)[written:]
        assert [report for report in later if "failures" in report] == []
