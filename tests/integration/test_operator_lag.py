"""What operators see of lag: who is behind, how far and why, whatever has crashed."""

import time
from dataclasses import dataclass

import pytest

from harness import planted
from harness.behaviours import answer, first
from harness.ids import subscription_id
from harness.kafka import KafkaBroker
from harness.metrics import metric
from harness.operator_api import Api, Command
from harness.settle import wait_active
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic
from harness.wait import wait_for

USERS = {"bank": "", "other": "", "root": "websub-operator"}
INTERVAL_MS = 300
SETTINGS = {
    "WEBSUB_HUB_LAG_INTERVAL": f"{INTERVAL_MS}ms",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL": f"{INTERVAL_MS}ms",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL_HEALTHY": "1s",
    "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
    "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
}
LAYOUTS = {
    "dedicated": {"WEBSUB_MESSAGES_LAYOUT": "dedicated"},
    "pooled": {"WEBSUB_MESSAGES_LAYOUT": "pooled", "WEBSUB_MESSAGES_POOL_PARTITIONS": "1"},
}
NONE = {"messages": 0, "exact": True, "seconds": 0.0}


def make_suite(bootstrap, tmp_path_factory, name: str, layout: str = "dedicated") -> Suite:
    directory = tmp_path_factory.mktemp(name)
    settings = UsersFile(directory / "users", USERS).settings() | SETTINGS | LAYOUTS[layout]
    return Suite(bootstrap, directory, f"{name}-", settings=settings)


@pytest.fixture(scope="module")
def lag_suite(kafka, tmp_path_factory):
    with make_suite(kafka.bootstrap, tmp_path_factory, "lag") as suite:
        yield suite


@pytest.fixture(scope="module")
def pooled_suite(kafka, tmp_path_factory):
    with make_suite(kafka.bootstrap, tmp_path_factory, "lag-pooled", "pooled") as suite:
        yield suite


@dataclass
class Feed:
    """A topic of the bank's with one subscription."""

    suite: Suite
    root: Api
    topic: str
    endpoint: Endpoint

    @property
    def id(self) -> str:
        return subscription_id(self.topic, self.endpoint.url)

    def publish(self, count: int) -> list[bytes]:
        hub = self.suite.hub(headers=basic("bank"))
        bodies = [planted.payload(f"behind {number}") for number in range(count)]
        for body in bodies:
            hub.publish(self.topic, body).check_accepted()
        return bodies

    def deliver(self, count: int) -> None:
        """Publishes, and waits until it is known to be confirmed."""
        delivered = self.endpoint.bodies()
        self.endpoint.wait_bodies(delivered + self.publish(count))
        self.wait_confirmed()

    def wait_confirmed(self) -> None:
        """Until all is known to be confirmed: no lag may also mean that the hub has not looked since."""
        self.wait("a first look", lambda s: s["lag"])
        topic = Command(self.root, self.topic, self.endpoint)
        end = topic.missed("source=topic&since=2020-01-01T00:00:00Z")[-1]["offset"] + 1
        self.wait(f"{end} to be reached", lambda s: s["lag"] == NONE and s["position"] >= end)

    def shown(self) -> dict:
        return self.root.subscription(self.topic, self.endpoint)

    def wait(self, what: str, probe) -> dict:
        return self.root.wait_subscription(self.topic, self.endpoint, what, probe)

    def wait_lag(self, messages: int) -> dict:
        """Its age is looked up in Kafka when it is asked for first, so it is known a look later."""
        return self.wait(
            f"a lag of {messages}",
            lambda s: s["lag"] and s["lag"]["messages"] == messages and s["lag"]["seconds"] is not None,
        )

    def wait_age(self, seconds: float) -> float:
        """Until its oldest message is known to be that old or older; how old it is."""
        shown = self.wait(f"{seconds} s of lag", lambda s: s["lag"] and (s["lag"]["seconds"] or 0) >= seconds)
        return shown["lag"]["seconds"]


def add_subscription(suite: Suite, topic: str, endpoint: Endpoint) -> Feed:
    hub = suite.hub(headers=basic("bank"))
    hub.subscribe(topic, endpoint.url, planted.secret()).check_accepted(202)
    endpoint.wait_verified()
    wait_active(hub, topic, endpoint)
    return Feed(suite, Api(suite, "root"), topic, endpoint)


def new_feed(suite: Suite, endpoint: Endpoint, name: str = "lag") -> Feed:
    topic = new_topic(name)
    suite.start().hub(headers=basic("bank")).register(topic).check_accepted()
    feed = add_subscription(suite, topic, endpoint)
    feed.wait_confirmed()
    return feed


@pytest.fixture
def feed(lag_suite, subscriber) -> Feed:
    return new_feed(lag_suite, subscriber.endpoint())


# --- one subscription ---


def test_failing_subscriber_is_behind_by_what_it_has_not_confirmed(feed):
    before = feed.shown()
    feed.endpoint.on_delivery = answer(502)
    began = time.time()
    feed.publish(7)
    published = time.time()
    shown = feed.wait_lag(7)
    assert shown["position"] == before["position"] and shown["lag"]["exact"]
    # A report that is made while an attempt is under way knows of no next one.
    shown = feed.wait(
        "failures", lambda s: (s["last_failure"] or {}).get("failures", 0) >= 3 and s["next_attempt_at"]
    )
    failure = shown["last_failure"]
    assert (failure["reason"], failure["status"]) == ("status_5xx", 502)
    assert shown["next_attempt_at"] > failure["at"] >= shown["last_success_at"]
    # Its age is that of the oldest message, to the millisecond, once the dispatcher has reported it.
    asked = time.time()
    seconds = feed.wait_age(asked - published)
    assert seconds <= time.time() - began


def test_subscriber_that_has_recovered_is_not_behind(feed):
    feed.endpoint.on_delivery = answer(500)
    bodies = feed.publish(5)
    feed.wait("failures", lambda s: s["last_failure"])
    feed.wait_lag(5)
    feed.endpoint.on_delivery = answer(200)
    feed.endpoint.wait_bodies(bodies)
    # What is committed may show that the failures have ended before the dispatcher's report says so.
    shown = feed.wait(
        "the success",
        lambda s: s["last_success_at"] >= s["last_failure"]["at"] and s["lag"] == NONE,
    )
    assert shown["next_attempt_at"] is None
    assert shown["last_failure"]["failures"] == 0


def test_list_shows_what_the_detail_shows(feed):
    feed.endpoint.on_delivery = answer(500)
    feed.publish(2)
    feed.wait("failures", lambda s: s["last_failure"])
    feed.wait_lag(2)
    feed.root.hub.request("POST", f"/api/v1/subscriptions/{feed.id}/pause")
    feed.wait("no next attempt", lambda s: s["status"] == "paused" and s["next_attempt_at"] is None)

    def both() -> tuple[dict, dict]:
        (listed,) = feed.root.value(f"subscriptions?topic={feed.topic}")["items"]
        return listed, feed.shown()

    def agree() -> bool:
        listed, detail = both()
        ages = [(shown["lag"] or {}).pop("seconds", None) for shown in (listed, detail)]
        return all(ages) and listed == detail and listed["lag"] == {"messages": 2, "exact": True}

    # Nothing is tried any more, so that both show the same once what was tried has been reported.
    wait_for(agree, lambda: f"both to agree: {both()}", pause=0.1)


def test_subscription_that_was_never_verified_has_no_lag(feed, subscriber):
    never = subscriber.endpoint("never")
    never.on_verification = lambda _: None
    feed.suite.hub(headers=basic("bank")).subscribe(feed.topic, never.url).check_accepted(202)
    shown = wait_for(
        lambda: feed.root.value(f"subscriptions?topic={feed.topic}&status=requested")["items"],
        "it to be listed",
    )[0]
    for name in ("position", "lag", "last_success_at", "last_failure", "next_attempt_at"):
        assert shown[name] is None


def test_replay_is_a_lag_although_more_was_confirmed_before(feed):
    feed.deliver(4)
    end = feed.shown()["position"]
    for command, body in (("pause", b""), ("move", b'{"to": "beginning"}')):
        path = f"/api/v1/subscriptions/{feed.id}/{command}"
        told = feed.root.hub.request("POST", path, body, {"Content-Type": "application/json"})
        assert told.status == 202, told
        feed.wait("paused", lambda s: s["status"] == "paused")
    shown = feed.wait_lag(end)  # warm-ups, too
    assert shown["position"] == 0 and shown["lag"]["seconds"] > 0


def test_subscriber_sees_his_own_lag_and_nobody_elses(feed):
    feed.endpoint.on_delivery = answer(500)
    feed.publish(3)
    feed.wait_lag(3)
    bank, other = Api(feed.suite, "bank"), Api(feed.suite, "other")
    assert bank.subscription(feed.topic, feed.endpoint)["lag"]["messages"] == 3
    assert bank.value(f"subscriptions?topic={feed.topic}&min_lag_messages=3")["items"] != []
    other.problem(f"subscriptions/{feed.id}", 404)
    assert other.value(f"subscriptions?topic={feed.topic}&min_lag_messages=1")["items"] == []
    for user in (bank, other):
        user.problem("overview", 403)


# --- a shared partition ---


def test_pooled_topics_lag_is_a_bound_until_all_is_confirmed(pooled_suite, subscriber):
    feed = new_feed(pooled_suite, subscriber.endpoint(), "pooled")
    noise = new_feed(pooled_suite, subscriber.endpoint(), "noise")
    feed.endpoint.on_delivery = answer(500)
    bodies = feed.publish(3)
    noise.endpoint.wait_bodies(noise.publish(5))
    assert feed.wait_lag(8)["lag"]["exact"] is False
    feed.endpoint.on_delivery = answer(200)
    feed.endpoint.wait_bodies(bodies)
    for each in (feed, noise):
        assert each.wait("nothing unconfirmed", lambda s: s["lag"] == NONE)
    # Others' traffic makes nobody lag who has nothing to confirm.
    noise.deliver(5)
    assert feed.wait("the noise to have passed", lambda s: s["position"] >= noise.shown()["position"])
    assert feed.wait_lag(0)["lag"] == NONE


# --- filters ---


def test_lists_are_filtered_by_lag_page_by_page(lag_suite, subscriber):
    feeds = [new_feed(lag_suite, subscriber.endpoint(), "filtered")]
    topic = feeds[0].topic
    feeds += [add_subscription(lag_suite, topic, subscriber.endpoint()) for _ in range(4)]
    root = feeds[0].root
    for failing in feeds[:3]:
        failing.endpoint.on_delivery = answer(500)
    bodies = feeds[0].publish(3)
    for failing in feeds[:3]:
        failing.wait_lag(3)
        failing.wait_age(1)
    # The hub has seen the new end. Who shares a shard with one that fails looks as far behind, until that is
    # detached.
    for well in feeds[3:]:
        well.endpoint.wait_bodies(bodies)
        well.wait_lag(0)
    expected = sorted(failing.id for failing in feeds[:3])

    def ids(filters: str, limit: int) -> list[str]:
        return [item["id"] for item in root.pages(f"subscriptions?topic={topic}{filters}", limit)]

    for limit in (1, 2, 3, 50):
        assert ids("&min_lag_messages=1", limit) == expected
        assert ids("&min_lag_messages=3&min_lag_seconds=1", limit) == expected
        assert ids("&min_lag_messages=4", limit) == []
        assert ids("&min_lag_seconds=100000", limit) == []
    assert len(ids("", 2)) == 5


@pytest.mark.parametrize("name", ["min_lag_messages", "min_lag_seconds"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "", "9007199254740993"])
def test_bad_bounds_are_refused(lag_suite, name, value):
    Api(lag_suite.start(), "root").problem(f"subscriptions?{name}={value}", 400, name)


# --- the overview ---


def test_overview_counts_what_there_is(feed):
    root = feed.root
    statuses = ("requested", "active", "suspended", "paused", "lapsed", "ending")

    def counted() -> tuple[dict, dict]:
        listed = root.pages("subscriptions", 1000)
        counts = {status: sum(item["status"] == status for item in listed) for status in statuses}
        return counts | {"total": len(listed)}, root.overview()["subscriptions"]

    def agree() -> bool:
        listed, shown = counted()
        return listed == shown

    # Those of earlier tests may still be ending.
    wait_for(agree, lambda: f"both to agree: {counted()}", pause=0.1)
    assert root.overview()["topics"] == len(root.pages("topics", 1000))


def test_overview_shows_the_furthest_behind_first(feed, subscriber):
    feed.endpoint.on_delivery = answer(500)
    feed.publish(1)
    later = new_feed(feed.suite, subscriber.endpoint())
    later.endpoint.on_delivery = answer(500)
    later.publish(9)

    def ids(overview: dict) -> list[str]:
        return [item["id"] for item in overview["top_lagging"]]

    feed.root.wait_overview("both", lambda o: {feed.id, later.id} <= set(ids(o)))
    # Whose age is not known yet comes last.
    feed.root.wait_overview(
        "both in order", lambda o: [i for i in ids(o) if i in (feed.id, later.id)] == [feed.id, later.id]
    )


def test_overview_shows_dispatchers_and_consumers(feed):
    feed.deliver(5)
    # It is not alive while it has not been heard of for three intervals, which are short here.
    overview = feed.root.wait_overview(
        "a dispatcher that lives and has delivered",
        lambda o: [(d["alive"], d["shards"], d["delivered"] >= 5) for d in o["dispatchers"]]
        == [(True, list(range(8)), True)],
    )
    (dispatcher,) = overview["dispatchers"]
    assert dispatcher["subscriptions"] > 0 and dispatcher["version"]
    consolidator, dispatchers = overview["consumers"]
    assert consolidator["name"] == "consolidator" and dispatchers["name"] == "dispatchers"
    assert [(p["kafka_topic"], p["partition"]) for p in consolidator["partitions"]] == [
        ("lag-events", number) for number in range(8)
    ]
    kafka_topic = feed.shown()["location"]["kafka_topic"]

    def partition(overview: dict) -> dict:
        return next(p for p in overview["consumers"][1]["partitions"] if p["kafka_topic"] == kafka_topic)

    end = feed.wait_lag(0)["position"]
    at_end = {"kafka_topic": kafka_topic, "partition": 0, "position": end, "end": end, "lag": 0}
    feed.root.wait_overview("the commit at the end", lambda o: partition(o) == at_end)
    feed.root.wait_overview("all events folded", lambda o: o["consumers"][0]["lag"] == 0)


def test_throughput_has_a_history(feed):
    feed.endpoint.on_delivery = first(3, answer(500), then=answer(200))
    feed.endpoint.wait_bodies(feed.publish(30))

    def passed(overview: dict, name: str) -> bool:
        return any((entry[name] or 0) > 0 for entry in overview["history"])

    names = ("published_per_second", "delivered_per_second", "failed_per_second")
    overview = feed.root.wait_overview("it to pass", lambda o: all(passed(o, name) for name in names))
    times = [entry["at"] for entry in overview["history"]]
    assert times == sorted(times)
    assert overview["throughput"] == {name: overview["history"][-1][name] for name in names}


# --- what has crashed ---


def test_lag_is_told_when_all_dispatchers_are_dead(feed):
    root, suite = feed.root, feed.suite
    feed.deliver(2)
    suite.kill("dispatcher-0")
    try:
        began = time.time()
        bodies = feed.publish(6)
        feed.wait_lag(6)
        root.wait_overview("a dead dispatcher", lambda o: [d["alive"] for d in o["dispatchers"]] == [False])
        root.wait_overview(
            "somebody behind",
            lambda o: feed.id in [s["id"] for s in o["top_lagging"]] and o["consumers"][1]["lag"] >= 6,
        )
        assert feed.wait_age(10) <= time.time() - began + 1
        root.wait_overview(
            "all those to be counted",
            lambda o: o["behind"] == len(root.pages("subscriptions?min_lag_seconds=10", 1000)) > 0,
        )
        wait_for(lambda: metric(suite["hub-0"], "websub_hub_subscriptions_behind") > 0, "the metric")
        # A hub that starts now finds it all in Kafka, and in what was reported.
        suite.kill("hub-0")
        suite.start("hub-0")
        feed.root = root = Api(suite, "root")
        assert feed.wait_lag(6)["lag"]["seconds"] >= 9
        feed.wait("the last success", lambda s: s["last_success_at"])
        root.wait_overview("a dead dispatcher", lambda o: [d["alive"] for d in o["dispatchers"]] == [False])
    finally:
        suite.start()
    # What was confirmed after the last commit may come again before them.
    wait_for(lambda: feed.endpoint.bodies()[-6:] == bodies, lambda: f"all six{feed.endpoint.describe()}")
    feed.wait("no lag", lambda s: s["lag"] == NONE)
    root.wait_overview("a dispatcher", lambda o: [d["alive"] for d in o["dispatchers"]] == [True])


def test_dispatcher_that_stops_is_not_listed_any_more(feed):
    feed.root.wait_overview("a dispatcher", lambda o: o["dispatchers"])
    feed.suite.terminate("dispatcher-0")
    try:
        feed.root.wait_overview("no dispatcher", lambda o: o["dispatchers"] == [])
    finally:
        feed.suite.start()


def test_lag_is_unknown_while_kafka_does_not_answer(tmp_path_factory, subscriber):
    broker = KafkaBroker(tmp_path_factory.mktemp("lag-kafka"))
    try:
        broker.start()
        with make_suite(broker.bootstrap, tmp_path_factory, "lag-away") as suite:
            feed = new_feed(suite, subscriber.endpoint())
            feed.endpoint.on_delivery = answer(500)
            feed.publish(3)
            feed.wait_lag(3)
            broker.pause()
            try:
                feed.wait("that it is unknown", lambda s: s["lag"] is None)
                overview = feed.root.wait_overview(
                    "that ends are unknown",
                    lambda o: {p["end"] for c in o["consumers"] for p in c["partitions"]} == {None},
                )
                assert overview["consumers"][1]["lag"] == 0
            finally:
                broker.resume()
            feed.wait_lag(3)
    finally:
        broker.stop()
