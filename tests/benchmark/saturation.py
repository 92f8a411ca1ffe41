"""Deliveries a second of a suite that always has something to deliver."""

import time
from dataclasses import dataclass

from harness.suite import Suite

from . import tools
from .bench import wait_quiet
from .metrics import dispatchers
from .tools import Sink
from .usage import CpuMeter

# Ports of the sink: each is a host of its own for the dispatcher's limits and for its threads.
HOSTS = 8
# So many deliveries are waiting: enough to be busy, too few to be late.
WAITING = 10_000
WARM_UP_SECONDS = 2.0
PAUSE = 0.02


@dataclass(frozen=True)
class Speed:
    per_second: float
    cpu_us: float  # of the dispatchers, for each delivery


def saturate(
    suite: Suite, sink: Sink, topic: str, fan_out: int, seconds: float, waiting: int = WAITING
) -> Speed:
    """Keeps so many deliveries waiting, and measures while it does."""
    pids = [program.pid for program in dispatchers(suite)]
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
        meter, began = CpuMeter(*pids), time.monotonic()
        after = keep_busy(began + seconds)
        took, cpu = time.monotonic() - began, sum(meter.seconds(pid) for pid in pids)
    deliveries = after["deliveries"] - before["deliveries"]
    wait_quiet(sink)
    return Speed(deliveries / took, cpu * 1e6 / max(deliveries, 1))
