"""How long operators wait for what they ask of a hub that has much to tell."""

import json
import statistics
import time
import uuid
from urllib.parse import quote

from confluent_kafka import Producer

from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.missed import MissedMessages
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.wait import wait_for

from .bench import SECRET, Bench, subscribe
from .metrics import wait_served
from .table import Row

SUBSCRIPTIONS = 100_000
TOPICS = 1_000
MESSAGES = 1_000_000
QUICK_MESSAGES = 100_000
PAGE = 100
REQUESTS = 20
LIST_MS = 200
PAGE_MS = 500


def run(bench: Bench) -> None:
    bench.attempt(f"lists and overview of {SUBSCRIPTIONS:,} subscriptions", _lists)
    bench.attempt("pages of missed messages", _pages)


def _get(hub: HubClient, path: str) -> dict:
    answer = hub.request("GET", f"/api/v1/{path}")
    assert answer.status == 200, answer
    return json.loads(answer.body)


def _milliseconds(hub: HubClient, path: str) -> float:
    began = time.perf_counter()
    _get(hub, path)
    return (time.perf_counter() - began) * 1000


def _row(what: str, milliseconds: list[float], bound: float) -> Row:
    median = statistics.median(milliseconds)
    return Row(
        f"{what}, median / slowest of {len(milliseconds)}",
        f"{median:.1f} / {max(milliseconds):.1f} ms",
        target=f"≤ {bound:g} ms",
        met=median <= bound,
    )


def _measure(bench: Bench, hub: HubClient, what: str, path: str, bound: float) -> None:
    _get(hub, path)
    bench.add(_row(what, [_milliseconds(hub, path) for _ in range(REQUESTS)], bound))


# --- lists ---


def _lists(bench: Bench) -> None:
    with bench.suite() as suite:
        prefix = bench.topic()
        bench.seed(
            suite, "--topic", prefix, "--topics", TOPICS, "--subscriptions", SUBSCRIPTIONS,
            "--callback", "http://127.0.0.1:9/callback", "--secret", SECRET,
        )  # fmt: skip
        suite.start()
        wait_served(suite, SUBSCRIPTIONS)
        hub = suite.hub()
        _wait_lag(hub)
        of = f"of {SUBSCRIPTIONS:,} subscriptions"
        _measure(bench, hub, f"a list of 50 {of}", "subscriptions?limit=50", LIST_MS)
        # A hundredth of them: those of ten topics of a thousand.
        few = f"subscriptions?limit=50&topic={quote(prefix, safe='')}/99"
        _measure(bench, hub, f"a list of 50 {of}, of few topics", few, LIST_MS)
        none = "subscriptions?limit=50&min_lag_messages=1000000"
        _measure(bench, hub, f"a list {of}, by a lag that none has", none, LIST_MS)
        _measure(bench, hub, f"the overview {of}", "overview", LIST_MS)


def _wait_lag(hub: HubClient) -> None:
    """Until the hub has looked up how far behind they are."""
    wait_for(
        lambda: all(item["lag"] for item in _get(hub, "subscriptions?limit=1000")["items"]),
        "lag to be known",
        timeout=120.0,
        pause=0.5,
    )


# --- pages ---


def _pages(bench: Bench) -> None:
    count = QUICK_MESSAGES if bench.quick else MESSAGES
    with bench.sink() as sink, bench.suite() as suite:
        suite.start()
        hub, topic = suite.hub(), bench.topic()
        hub.register(topic).check_accepted()
        callback = sink.url("status-500/behind")
        subscribe(suite, topic, [callback])
        path = f"subscriptions/{subscription_id(topic, callback)}"
        wait_for(lambda: _location(hub, path), "it is verified")
        _produce(suite, topic, _location(hub, path)["kafka_topic"], count)
        wait_for(lambda: (_get(hub, path)["lag"] or {}).get("messages") == count, "all to be missed")
        missed = MissedMessages(hub, topic, Endpoint(callback), SECRET)
        for deep in (0, count * 9 // 10):
            _measure_page(bench, hub, path, count, deep)
            _measure_call(bench, missed, count, deep)


def _where(deep: int) -> str:
    return f"{deep:,} deep" if deep else "from the start"


def _measure_call(bench: Bench, missed: MissedMessages, count: int, deep: int) -> None:
    """The same for the subscriber, by MOSIP's call, which counts rows."""

    def ask() -> float:
        began = time.perf_counter()
        assert len(missed.page("2020-01-01T00:00:00Z", deep, PAGE)) == PAGE
        return (time.perf_counter() - began) * 1000

    ask()
    what = f"{PAGE} of {count:,} missed messages by MOSIP's call, {_where(deep)}"
    bench.add(_row(what, [ask() for _ in range(REQUESTS)], PAGE_MS))


def _measure_page(bench: Bench, hub: HubClient, path: str, count: int, deep: int) -> None:
    page = f"{path}/missed-messages?limit={PAGE}&cursor={deep}"
    items = _get(hub, page)["items"]
    assert [item["offset"] for item in items] == list(range(deep, deep + PAGE))
    _measure(bench, hub, f"{PAGE} of {count:,} missed messages, {_where(deep)}", page, PAGE_MS)


def _location(hub: HubClient, path: str) -> dict | None:
    answer = hub.request("GET", f"/api/v1/{path}")
    return json.loads(answer.body)["location"] if answer.status == 200 else None


def _produce(suite: Suite, topic: str, kafka_topic: str, count: int) -> None:
    """Straight to Kafka, as the hub would."""
    producer = Producer(
        {"bootstrap.servers": suite.settings["WEBSUB_KAFKA_BOOTSTRAP_SERVERS"], "linger.ms": 20}
    )
    body = b"x" * 300
    for number in range(count):
        headers = [
            ("message-id", str(uuid.UUID(int=number))),
            ("published-at", str(int(time.time() * 1000))),
            ("content-type", "application/json"),
        ]
        while True:
            try:
                producer.produce(kafka_topic, body, topic, 0, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0
