"""What a pod of each program needs at rest and at a modest load: for the resources in helm/values.yaml."""

import time

from harness.program import KINDS
from harness.suite import Suite

from . import tools
from .bench import SECRET, Bench, subscribe, wait_active
from .metrics import wait_served
from .table import Row
from .usage import CpuMeter, rss_kib

IDLE_SUBSCRIPTIONS = 10_000
RATE = 100
SUBSCRIBERS = 10


def run(bench: Bench) -> None:
    seconds = 5 if bench.quick else 20
    with bench.sink() as sink, bench.suite() as suite:
        bench.seed(
            suite, "--topic", bench.topic(), "--topics", 100, "--subscriptions", IDLE_SUBSCRIPTIONS,
            "--callback", "http://127.0.0.1:9/callback", "--secret", SECRET,
        )  # fmt: skip
        suite.start()
        wait_served(suite, IDLE_SUBSCRIPTIONS)
        meter = _meter(suite)
        time.sleep(seconds)
        _add(bench, suite, f"at rest with {IDLE_SUBSCRIPTIONS:,} subscriptions", meter, seconds)

        topic = bench.topic()
        suite.hub().register(topic).check_accepted()
        subscribe(suite, topic, [sink.url(f"footprint/{number}") for number in range(SUBSCRIBERS)])
        wait_active(suite, sink, topic, SUBSCRIBERS)
        meter = _meter(suite)
        began = time.monotonic()
        published = tools.publish(suite["hub-0"].port, topic, "--rate", RATE, seconds=seconds)
        sink.wait_deliveries(published["accepted"] * SUBSCRIBERS)
        what = f"at {RATE} messages of 1 KiB to {SUBSCRIBERS} subscribers a second"
        _add(bench, suite, what, meter, time.monotonic() - began)


def _meter(suite: Suite) -> CpuMeter:
    return CpuMeter(*(suite[f"{kind}-0"].pid for kind in KINDS))


def _add(bench: Bench, suite: Suite, when: str, meter: CpuMeter, seconds: float) -> None:
    pids = {kind: suite[f"{kind}-0"].pid for kind in KINDS}
    cpu = ", ".join(f"{kind} {1000 * meter.seconds(pid) / seconds:.0f}" for kind, pid in pids.items())
    rss = ", ".join(f"{kind} {rss_kib(pid) / 1024:.0f}" for kind, pid in pids.items())
    bench.add(Row(f"thousandths of a CPU {when}", cpu))
    bench.add(Row(f"RSS in MiB {when}", rss))
