"""How long a message, a first message, a registration and a subscription take, one at a time."""

import statistics
import time

from harness.suite import Suite
from harness.wait import wait_for

from . import tools
from .bench import SECRET, Bench, stamped, subscribe, wait_active
from .table import Row, milliseconds, quantile_row
from .tools import Sink

RATE = 50
# The first messages find a broker whose code is not compiled yet, and partitions that nobody has touched.
WARM_UP_SECONDS = 5
WARM_UP_RATE = 200
# As many topics get a Kafka topic of their own by default (messages.dedicated_limit).
DEDICATED = 100


def run(bench: Bench) -> None:
    with bench.sink() as sink:
        with bench.suite() as suite:
            suite.start()
            bench.attempt(f"publish → delivery at {RATE} msg/s", _steady_rate, suite, sink)
            bench.attempt("the same of the bare ingest server", _bare_ingest)
            bench.attempt("first publish to a new topic", _first_publish, suite)
            bench.attempt("register", _register, suite)
            bench.attempt("subscribe", _subscribe, suite, sink)
        with bench.suite() as suite:
            bench.attempt("publish → delivery with many topics", _many_topics, suite, sink)


def _steady_rate(bench: Bench, suite: Suite, sink: Sink) -> None:
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url("steady")])
    wait_active(suite, sink, topic, 1)
    published, delivered = _publish_steadily(bench, suite, sink, topic)
    bench.add(quantile_row(f"publish → delivery at {RATE} msg/s", delivered["latency"], 4, 15))
    answer = published["answer"]
    bench.add(
        Row(
            f"publish → answer at {RATE} msg/s, median / p99",
            f"{milliseconds(answer['p50_us'])} / {milliseconds(answer['p99_us'])}",
        )
    )


def _publish_steadily(
    bench: Bench, suite: Suite, sink: Sink, topic: str, *arguments: object
) -> tuple[dict, dict]:
    """The reports of publisher and sink."""
    seconds = 4 if bench.quick else 12
    port = suite["hub-0"].port
    warm_up = tools.publish(port, topic, "--rate", WARM_UP_RATE, *arguments, seconds=WARM_UP_SECONDS)
    sink.wait_deliveries(warm_up["accepted"])
    sink.reset()
    published = tools.publish(port, topic, "--rate", RATE, *arguments, seconds=seconds)
    return published, sink.wait_deliveries(published["accepted"])


def _bare_ingest(bench: Bench) -> None:
    seconds = 3 if bench.quick else 6
    with tools.Ingest(bench.directory, bench.kafka.client, bench.plain_kafka_topic()) as ingest:
        tools.publish(ingest.port, "baseline", "--rate", RATE, seconds=1)
        answer = tools.publish(ingest.port, "baseline", "--rate", RATE, seconds=seconds)["answer"]
    bench.add(
        Row(
            "the same of the bare ingest server",
            f"{milliseconds(answer['p50_us'])} / {milliseconds(answer['p99_us'])}",
        )
    )


def _first_publish(bench: Bench, suite: Suite) -> None:
    """Each to a topic that was registered just before, which has a Kafka topic of its own."""
    hub = suite.hub()
    times = []
    for _ in range(10 if bench.quick else 30):
        topic = bench.topic()
        hub.register(topic).check_accepted()
        began = time.perf_counter()
        hub.publish(topic, stamped()).check_accepted()
        times.append((time.perf_counter() - began) * 1e6)
    hub.close()
    bench.add(
        Row(
            f"first publish to a new topic, median / slowest of {len(times)}",
            f"{milliseconds(statistics.median(times))} / {milliseconds(max(times))}",
            target="≤ 50 ms",
            met=max(times) <= 50_000,
        )
    )


def _register(bench: Bench, suite: Suite) -> None:
    hub = suite.hub()
    times = []
    for _ in range(10 if bench.quick else 30):
        topic = bench.topic()
        began = time.perf_counter()
        hub.register(topic).check_accepted()
        times.append((time.perf_counter() - began) * 1e6)
    hub.close()
    bench.add(
        Row(
            f"register, median / slowest of {len(times)}",
            f"{milliseconds(statistics.median(times))} / {milliseconds(max(times))}",
        )
    )


def _subscribe(bench: Bench, suite: Suite, sink: Sink) -> None:
    """From the request to the verification, and to the arrival of the first message while publishing."""
    hub = suite.hub()
    verified, active = [], []
    for number in range(5 if bench.quick else 15):
        topic = bench.topic()
        hub.register(topic).check_accepted()
        sink.reset()
        began = time.time_ns()
        hub.subscribe(topic, sink.url(f"new-{number}"), SECRET).check_accepted(202)

        def arrives() -> bool:
            hub.publish(topic, stamped()).check_accepted()
            return sink.report()["deliveries"] > 0

        wait_for(arrives, "a message arrives at a new subscription", pause=0.002)
        report = sink.report()
        verified.append((report["first_verification_ns"] - began) / 1000)
        active.append((report["first_delivery_ns"] - began) / 1000)
    hub.close()
    for what, times in (("verified", verified), ("its first message arrives", active)):
        bench.add(
            Row(
                f"subscribe until {what}, median / slowest of {len(times)}",
                f"{milliseconds(statistics.median(times))} / {milliseconds(max(times))}",
            )
        )


def _many_topics(bench: Bench, suite: Suite, sink: Sink) -> None:
    """As many topics as get a Kafka topic of their own through the hub, all others straight into state."""
    count = 2_000 if bench.quick else 10_000
    prefix = bench.topic()
    suite.start()
    hub = suite.hub()
    for number in range(DEDICATED):
        hub.register(f"{prefix}/{number}").check_accepted()
        hub.subscribe(f"{prefix}/{number}", sink.url(f"many/{number}"), SECRET).check_accepted(202)
    hub.close()
    wait_active(suite, sink, f"{prefix}/{DEDICATED - 1}", 1)
    suite.terminate()
    pooled = count - DEDICATED
    bench.seed(
        suite, "--topic", prefix, "--first", DEDICATED, "--topics", pooled,
        "--subscriptions", pooled, "--callback", sink.url("many"), "--secret", SECRET,
    )  # fmt: skip
    suite.start()
    wait_active(suite, sink, f"{prefix}/{count - 1}", 1)
    _, delivered = _publish_steadily(bench, suite, sink, prefix, "--topics", count)
    bench.add(
        quantile_row(
            f"publish → delivery at {RATE} msg/s, {count:,} topics and subscriptions",
            delivered["latency"],
            5,
            20,
        )
    )
