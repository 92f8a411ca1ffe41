"""Deliveries and publishes a second, and what each costs, against the bare baselines of the same run."""

import time
from dataclasses import dataclass

from harness.suite import Suite

from . import tools
from .bench import Bench, subscribe, wait_active, wait_quiet
from .table import Row, milliseconds, not_run
from .tools import Sink
from .usage import CpuMeter

# Each port is a host of its own for the dispatcher's limits, and for spreading over its threads.
HOSTS = 8
CONNECTIONS = 64
# So many deliveries are waiting while a fan-out is saturated: enough to be busy, too few to be late.
AHEAD = 10_000
WARM_UP_SECONDS = 2.0
PAUSE = 0.02


@dataclass(frozen=True)
class Speed:
    per_second: float
    cpu_us: float  # of the dispatcher, for each delivery


def run(bench: Bench) -> None:
    seconds = 4.0 if bench.quick else 10.0
    with bench.sink(HOSTS) as sink:
        _publishes(bench, seconds)
        with bench.suite() as suite:
            suite.start()
            blaster = _baseline(bench, sink, seconds / 2)
            peak = _fan_out(bench, suite, sink, 100, blaster, seconds)
            _fan_out(bench, suite, sink, 1_000, blaster, seconds)
            _half_of_peak(bench, suite, sink, peak, seconds)
        with bench.suite() as suite:
            _half_dead(bench, suite, sink, seconds)
        with bench.suite({"WEBSUB_DISPATCHER_MAX_IN_FLIGHT": "64"}) as suite:
            _one_subscriber(bench, suite, sink, blaster)


# --- deliveries ---


def _baseline(bench: Bench, sink: Sink, seconds: float) -> dict:
    blaster = tools.blast(sink.url("blaster"), seconds)
    sink.reset()
    bench.add(
        Row(
            f"baseline: bare libcurl, {CONNECTIONS} connections",
            f"{blaster['posts_per_second']:,.0f} POSTs/s, {blaster['cpu_us_per_post']:.1f} µs CPU each",
        )
    )
    return blaster


def _fan_out(
    bench: Bench, suite: Suite, sink: Sink, count: int, blaster: dict, seconds: float
) -> tuple[str, float]:
    """Returns the topic, and deliveries a second."""
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url(f"fan-{count}/{i}", i % HOSTS) for i in range(count)])
    wait_active(suite, sink, topic, count)
    speed = saturate(suite, sink, topic, count, seconds)
    ratio = speed.per_second / blaster["posts_per_second"]
    bench.add(
        Row(
            f"deliveries, fan-out to {count:,} subscribers, signed",
            f"{speed.per_second:,.0f}/s",
            f"{ratio:.2f} × blaster",
            "≥ 17,000/s" if count == 100 else "",
            speed.per_second >= 17_000 if count == 100 else None,
        )
    )
    cost = speed.cpu_us / blaster["cpu_us_per_post"]
    bench.add(
        Row(
            f"CPU per delivery, fan-out to {count:,} subscribers, signed",
            f"{speed.cpu_us:.1f} µs",
            f"{cost:.2f} × blaster",
            "≤ 1.4 ×" if count == 100 else "",
            cost <= 1.4 if count == 100 else None,
        )
    )
    return topic, speed.per_second


def saturate(suite: Suite, sink: Sink, topic: str, fan_out: int, seconds: float) -> Speed:
    """Keeps AHEAD deliveries waiting, and measures while it does."""
    dispatchers = [p.pid for p in suite.programs.values() if p.kind == "dispatcher" and p.running]
    ahead = max(AHEAD // fan_out, 2)
    sink.reset()
    with tools.Publishing(suite["hub-0"].port, topic, "--on-demand") as publishing:
        demanded = 0

        def keep_busy(until: float) -> dict:
            nonlocal demanded
            while True:
                report = sink.report()
                wanted = report["deliveries"] // fan_out + ahead
                if wanted > demanded:
                    publishing.demand(wanted - demanded)
                    demanded = wanted
                if time.monotonic() >= until:
                    return report
                time.sleep(PAUSE)

        before = keep_busy(time.monotonic() + WARM_UP_SECONDS)
        meter, began = CpuMeter(*dispatchers), time.monotonic()
        after = keep_busy(began + seconds)
        took, cpu = time.monotonic() - began, sum(meter.seconds(pid) for pid in dispatchers)
    deliveries = after["deliveries"] - before["deliveries"]
    wait_quiet(sink)
    return Speed(deliveries / took, cpu * 1e6 / max(deliveries, 1))


def _half_of_peak(bench: Bench, suite: Suite, sink: Sink, peak: tuple[str, float], seconds: float) -> None:
    topic, per_second = peak
    rate = per_second / 100 / 2
    sink.reset()
    published = tools.publish(suite["hub-0"].port, topic, "--rate", rate, seconds=seconds)
    latency = sink.wait_deliveries(published["accepted"] * 100)["latency"]
    bench.add(
        Row(
            f"publish → delivery at half of the peak ({rate:.0f} msg/s to 100), median / p99",
            f"{milliseconds(latency['p50_us'])} / {milliseconds(latency['p99_us'])}",
        )
    )


def _half_dead(bench: Bench, suite: Suite, sink: Sink, seconds: float) -> None:
    """A third of the dead each refuses connections, never answers, answers 500; on hosts of their own."""
    count, healthy = 100, 50
    suite.start()
    all_healthy, half_dead = bench.topic(), bench.topic()
    for topic in (all_healthy, half_dead):
        suite.hub().register(topic).check_accepted()
    subscribe(suite, all_healthy, [sink.url(f"all/{i}", i % HOSTS) for i in range(count)])
    wait_active(suite, sink, all_healthy, count)
    with bench.sink() as refusing, bench.sink() as hanging, bench.sink() as failing:
        dead = [refusing.url("refused"), hanging.url("hang"), failing.url("status-500")]
        callbacks = [sink.url(f"half/{i}", i % HOSTS) for i in range(healthy)]
        callbacks += [f"{dead[i % 3]}/{i}" for i in range(count - healthy)]
        subscribe(suite, half_dead, callbacks)
        wait_active(suite, sink, half_dead, healthy)
        refusing.process.kill()
        reference = saturate(suite, sink, all_healthy, count, seconds)
        speed = saturate(suite, sink, half_dead, healthy, seconds)
    ratio = speed.per_second / reference.per_second
    bench.add(
        Row(
            "healthy deliveries while half of 100 subscribers are dead",
            f"{speed.per_second:,.0f}/s of {reference.per_second:,.0f}/s",
            f"{ratio:.2f}",
            "≥ 0.95",
            ratio >= 0.95,
        )
    )


def _one_subscriber(bench: Bench, suite: Suite, sink: Sink, blaster: dict) -> None:
    """Publishes while no dispatcher runs, then measures how fast one delivers what is there."""
    count = 20_000 if bench.quick else 60_000
    what = "deliveries, one subscriber with max_in_flight 64"
    suite.start()
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url("single")])
    wait_active(suite, sink, topic, 1)
    suite.terminate("dispatcher-0")
    published = tools.publish(suite["hub-0"].port, topic, "--count", count, "--connections", CONNECTIONS)
    if published["accepted"] < count:
        bench.add(not_run(what, f"only {published['accepted']:,} of {count:,} messages were accepted"))
        return
    sink.reset()
    suite.start("dispatcher-0")
    report = sink.wait_deliveries(count, timeout=120)
    per_second = count / ((report["last_delivery_ns"] - report["first_delivery_ns"]) / 1e9)
    bench.add(
        Row(what, f"{per_second:,.0f}/s", f"{per_second / blaster['posts_per_second']:.2f} × blaster")
    )


# --- publishes ---


def _publishes(bench: Bench, seconds: float) -> None:
    """The same load on the bare ingest server and on a hub; nobody is subscribed."""
    with tools.Ingest(bench.directory, bench.kafka.bootstrap, bench.plain_kafka_topic()) as ingest:
        bare, bare_us = _publish_hard(ingest.port, "baseline", ingest.process.pid, seconds)
    with bench.suite() as suite:
        suite.start()
        topic = bench.topic()
        suite.hub().register(topic).check_accepted()
        hub = suite["hub-0"]
        ours, ours_us = _publish_hard(hub.port, topic, hub.pid, seconds)
    bench.add(
        Row(
            f"baseline: bare ingest server, {CONNECTIONS} connections",
            f"{bare['accepted_per_second']:,.0f} publishes/s, {bare_us:.1f} µs CPU each",
        )
    )
    bench.add(
        Row(
            f"publishes, {CONNECTIONS} connections",
            f"{ours['accepted_per_second']:,.0f}/s",
            f"{ours['accepted_per_second'] / bare['accepted_per_second']:.2f} × bare",
        )
    )
    bench.add(
        Row(
            "CPU per publish",
            f"{ours_us:.1f} µs",
            f"{ours_us / bare_us:.2f} × bare",
            "≤ 1.3 ×",
            ours_us / bare_us <= 1.3,
        )
    )


def _publish_hard(port: int, topic: str, pid: int, seconds: float) -> tuple[dict, float]:
    """What bench-publish printed, and CPU microseconds of the server for each publish."""
    arguments = ("--connections", CONNECTIONS)
    tools.publish(port, topic, *arguments, seconds=WARM_UP_SECONDS)
    meter = CpuMeter(pid)
    published = tools.publish(port, topic, *arguments, seconds=seconds)
    assert published["accepted"] > 0, f"nothing was accepted: {published}"
    return published, meter.seconds(pid) * 1e6 / published["accepted"]
