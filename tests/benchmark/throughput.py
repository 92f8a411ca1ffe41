"""Deliveries and publishes a second, and what each costs, against the bare baselines of the same run."""

import statistics
import time
from dataclasses import dataclass

from harness.suite import Suite

from . import tools
from .bench import Bench, subscribe, wait_active, wait_quiet
from .table import Row, milliseconds
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
    cpu_us: float  # of the dispatchers, for each delivery


@dataclass(frozen=True)
class FanOut:
    topic: str
    subscribers: int
    speed: Speed


class Blaster:
    """The baseline of deliveries: the mean of several runs, before and after what is compared with it."""

    def __init__(self, sink: Sink, seconds: float):
        self._sink = sink
        self._seconds = seconds
        self._runs: list[dict] = []

    def run(bench: Bench) -> None:
    seconds = 4.0 if bench.quick else 10.0
    bench.attempt("CPU per publish", _publishes, seconds)
    with bench.sink(HOSTS) as sink:
        blaster = Blaster(sink, seconds / 2)
        blaster.run()
        with bench.suite() as suite:
            suite.start()
            hundred = bench.attempt("fan-out to 100 subscribers", _fan_out, suite, sink, 100, seconds)
            thousand = bench.attempt("fan-out to 1,000 subscribers", _fan_out, suite, sink, 1_000, seconds)
            blaster.run()
            _add_blaster(bench, blaster)
            if hundred:
                _add_fan_out(bench, hundred, blaster, 17_000, 1.4)
            if thousand:
                _add_fan_out(bench, thousand, blaster)
            if hundred:
                bench.attempt("latency at half of the peak", _half_of_peak, suite, sink, hundred, seconds)
        with bench.suite() as suite:
            bench.attempt("half of the subscribers dead", _half_dead, suite, sink, seconds)
        with bench.suite({"WEBSUB_DISPATCHER_MAX_IN_FLIGHT": "64"}) as suite:
            bench.attempt("one subscriber with max_in_flight 64", _one_subscriber, suite, sink, blaster)


# --- deliveries ---


def _add_blaster(bench: Bench, blaster: Blaster) -> None:
    bench.add(
        Row(
            f"baseline: bare libcurl, {CONNECTIONS} connections",
            f"{blaster.per_second:,.0f} POSTs/s, {blaster.cpu_us:.1f} µs CPU each",
        )
    )


def _fan_out(bench: Bench, suite: Suite, sink: Sink, count: int, seconds: float) -> FanOut:
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url(f"fan-{count}/{i}", i % HOSTS) for i in range(count)])
    wait_active(suite, sink, topic, count)
    return FanOut(topic, count, saturate(suite, sink, topic, count, seconds))


def _add_fan_out(
    bench: Bench,
    fan_out: FanOut,
    blaster: Blaster,
    least: float | None = None,
    most_cost: float | None = None,
) -> None:
    speed = fan_out.speed
    cost = speed.cpu_us / blaster.cpu_us
    bench.add(
        Row(
            f"deliveries, fan-out to {fan_out.subscribers:,} subscribers, signed",
            f"{speed.per_second:,.0f}/s",
            f"{speed.per_second / blaster.per_second:.2f} × blaster",
            f"≥ {least:,.0f}/s" if least else "",
            speed.per_second >= least if least else None,
        )
    )
    bench.add(
        Row(
            f"CPU per delivery, fan-out to {fan_out.subscribers:,} subscribers, signed",
            f"{speed.cpu_us:.1f} µs",
            f"{cost:.2f} × blaster",
            f"≤ {most_cost} ×" if most_cost else "",
            cost <= most_cost if most_cost else None,
        )
    )


def saturate(
    suite: Suite, sink: Sink, topic: str, fan_out: int, seconds: float, waiting: int = AHEAD
) -> Speed:
    """Keeps so many deliveries waiting, and measures while it does."""
    dispatchers = [p.pid for p in suite.programs.values() if p.kind == "dispatcher" and p.running]
    ahead = max(waiting // fan_out, 2)
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


def _half_of_peak(bench: Bench, suite: Suite, sink: Sink, fan_out: FanOut, seconds: float) -> None:
    rate = fan_out.speed.per_second / fan_out.subscribers / 2
    sink.reset()
    published = tools.publish(suite["hub-0"].port, fan_out.topic, "--rate", rate, seconds=seconds)
    latency = sink.wait_deliveries(published["accepted"] * fan_out.subscribers)["latency"]
    load = f"{rate:.0f} msg/s to {fan_out.subscribers}"
    bench.add(
        Row(
            f"publish → delivery at half of the peak ({load}), median / p99",
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


def _one_subscriber(bench: Bench, suite: Suite, sink: Sink, blaster: Blaster) -> None:
    """Publishes while no dispatcher runs, then measures how fast one delivers what is there."""
    count = 20_000 if bench.quick else 60_000
    suite.start()
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url("single")])
    wait_active(suite, sink, topic, 1)
    suite.terminate("dispatcher-0")
    published = tools.publish(
        suite["hub-0"].port, topic, "--count", count, "--connections", CONNECTIONS, seconds=60
    )
    assert published["accepted"] == count, f"only {published['accepted']:,} of {count:,} were accepted"
    sink.reset()
    suite.start("dispatcher-0")
    report = sink.wait_deliveries(count, timeout=120)
    per_second = count / ((report["last_delivery_ns"] - report["first_delivery_ns"]) / 1e9)
    bench.add(Row(what, f"{per_second:,.0f}/s", f"{per_second / blaster.per_second:.2f} × blaster"))


# --- publishes ---


def _publishes(bench: Bench, seconds: float) -> None:
    """The same load on the bare ingest server and on a hub in turn; nobody is subscribed."""
    plain = bench.plain_kafka_topic()
    with tools.Ingest(bench.directory, bench.kafka.bootstrap, plain) as ingest, bench.suite() as suite:
        suite.start()
        topic = bench.topic()
        suite.hub().register(topic).check_accepted()
        hub = suite["hub-0"]
        bare = Server(ingest.port, "baseline", ingest.process.pid)
        ours = Server(hub.port, topic, hub.pid)
        for server in (bare, ours):
            server.warm_up()
        for server in (bare, ours, ours, bare):
            server.publish(seconds / 2)
    bench.add(
        Row(
            f"baseline: bare ingest server, {CONNECTIONS} connections",
            f"{bare.per_second:,.0f} publishes/s, {bare.cpu_us:.1f} µs CPU each",
        )
    )
    bench.add(
        Row(
            f"publishes, {CONNECTIONS} connections",
            f"{ours.per_second:,.0f}/s",
            f"{ours.per_second / bare.per_second:.2f} × bare",
        )
    )
    cost = ours.cpu_us / bare.cpu_us
    bench.add(Row("CPU per publish", f"{ours.cpu_us:.1f} µs", f"{cost:.2f} × bare", "≤ 1.3 ×", cost <= 1.3))


class Server:
    """What one server makes of as many publishes as it can take, over several runs."""

    def __init__(self, port: int, topic: str, pid: int):
        self._address = (port, topic)
        self._pid = pid
        self._accepted = 0
        self._seconds = 0.0
        self._cpu_seconds = 0.0

    def warm_up(self) -> None:
        tools.publish(*self._address, "--connections", CONNECTIONS, seconds=WARM_UP_SECONDS)

    def publish(self, seconds: float) -> None:
        meter = CpuMeter(self._pid)
        published = tools.publish(*self._address, "--connections", CONNECTIONS, seconds=seconds)
        assert published["accepted"] > 0, f"nothing was accepted: {published}"
        self._accepted += published["accepted"]
        self._seconds += published["seconds"]
        self._cpu_seconds += meter.seconds(self._pid)

    @property
    def per_second(self) -> float:
        return self._accepted / self._seconds

    @property
    def cpu_us(self) -> float:
        return self._cpu_seconds * 1e6 / self._accepted
