"""Deliveries and publishes a second, and what each costs, against the bare baselines of the same run."""

import statistics
from dataclasses import dataclass

from harness.suite import Suite

from . import publishes, tools
from .bench import Bench, subscribe, wait_active
from .saturation import HOSTS, Speed, saturate
from .table import Row, milliseconds
from .tools import Sink

CONNECTIONS = 64  # of the baseline, and of those who publish


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

    def run(self) -> None:
        self._runs.append(tools.blast(self._sink.url("blaster"), self._seconds))
        self._sink.reset()

    @property
    def per_second(self) -> float:
        return statistics.mean(run["posts_per_second"] for run in self._runs)

    @property
    def cpu_us(self) -> float:
        return statistics.mean(run["cpu_us_per_post"] for run in self._runs)


def run(bench: Bench) -> None:
    seconds = 4.0 if bench.quick else 10.0
    bench.attempt("CPU per publish", publishes.compare, seconds)
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
        for in_flight in (1, 64):
            settings = {
                "WEBSUB_DISPATCHER_MAX_IN_FLIGHT": str(in_flight),
                "WEBSUB_RETRY_MAX_INTERVAL": "1s",
            }
            with bench.suite(settings) as suite:
                what = f"catching up alone, max_in_flight {in_flight}"
                bench.attempt(what, _catch_up, suite, sink, blaster, what)


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
    """A third of the dead each refuses connections, never answers, answers 500; on hosts of their own.

    Compared with all of them healthy, and with the healthy ones alone: a message to 50 costs more for each
    delivery than one to 100, whoever is dead.
    """
    count, healthy = 100, 50
    suite.start()
    all_healthy, alone, half_dead = topics = [bench.topic() for _ in range(3)]
    for topic in topics:
        suite.hub().register(topic).check_accepted()
    subscribe(suite, all_healthy, [sink.url(f"all/{i}", i % HOSTS) for i in range(count)])
    wait_active(suite, sink, all_healthy, count)
    subscribe(suite, alone, [sink.url(f"alone/{i}", i % HOSTS) for i in range(healthy)])
    wait_active(suite, sink, alone, healthy)
    with bench.sink() as refusing, bench.sink() as hanging, bench.sink() as failing:
        dead = [refusing.url("refused"), hanging.url("hang"), failing.url("status-500")]
        callbacks = [sink.url(f"half/{i}", i % HOSTS) for i in range(healthy)]
        callbacks += [f"{dead[i % 3]}/{i}" for i in range(count - healthy)]
        subscribe(suite, half_dead, callbacks)
        wait_active(suite, sink, half_dead, healthy)
        refusing.process.kill()
        rates = {topic: [] for topic in topics}
        for topic in (all_healthy, alone, half_dead, half_dead, alone, all_healthy):
            size = count if topic == all_healthy else healthy
            rates[topic].append(saturate(suite, sink, topic, size, seconds / 2).per_second)
    speed = {topic: statistics.mean(rates[topic]) for topic in topics}
    for reference, what in ((all_healthy, "all 100 healthy"), (alone, "the healthy 50 alone")):
        ratio = speed[half_dead] / speed[reference]
        bench.add(
            Row(
                f"healthy deliveries while half of 100 subscribers are dead, against {what}",
                f"{speed[half_dead]:,.0f}/s of {speed[reference]:,.0f}/s",
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
    bench.add(
        Row(
            "deliveries, one subscriber with max_in_flight 64",
            f"{per_second:,.0f}/s",
            f"{per_second / blaster.per_second:.2f} × blaster",
        )
    )


def _catch_up(bench: Bench, suite: Suite, sink: Sink, blaster: Blaster, what: str) -> None:
    """A subscriber is down while another one gets everything, and then comes back."""
    count = 20_000 if bench.quick else 60_000
    suite.start()
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url("witness")])
    wait_active(suite, sink, topic, 1)
    with bench.sink() as back:
        subscribe(suite, topic, [back.url("behind")])
        wait_active(suite, back, topic, 1)
        back.stop()
        sink.reset()
        published = tools.publish(
            suite["hub-0"].port, topic, "--count", count, "--connections", CONNECTIONS, seconds=60
        )
        assert published["accepted"] == count, f"only {published['accepted']:,} of {count:,} were accepted"
        sink.wait_deliveries(count)
        back.start()
        report = back.wait_deliveries(count, timeout=120)
    per_second = count / ((report["last_delivery_ns"] - report["first_delivery_ns"]) / 1e9)
    bench.add(
        Row(
            f"deliveries to one {count:,} messages behind, {what}",
            f"{per_second:,.0f}/s",
            f"{per_second / blaster.per_second:.2f} × blaster",
        )
    )
