"""From the start of each program until it is ready, with many state records in Kafka."""

import time

from harness.program import KINDS
from harness.wait import wait_for

from .bench import SECRET, Bench
from .metrics import wait_served
from .table import Row

COUNTS = (100_000, 1_000_000)
QUICK_COUNTS = (100_000,)
TOPICS = 1_000
BOUND_SECONDS = {1_000_000: 15}


def run(bench: Bench) -> None:
    for count in QUICK_COUNTS if bench.quick else COUNTS:
        bench.attempt(f"start with {count:,} state records", _start, count)


def _start(bench: Bench, count: int) -> None:
    """Each program alone, as all at once would measure the two cores; the dispatcher also until it holds
    every subscription."""
    with bench.suite() as suite:
        seeded = bench.seed(
            suite, "--topic", bench.topic(), "--topics", TOPICS, "--subscriptions", count - TOPICS,
            "--callback", "http://127.0.0.1:9/callback", "--secret", SECRET,
        )  # fmt: skip
        bench.say(f"{count:,} records written in {seeded['seconds']:.1f} s")
        seconds = {}
        for kind in KINDS:
            program = suite[f"{kind}-0"]
            began = time.monotonic()
            program.start()
            wait_for(lambda: program.answers("/readyz"), f"{kind} is ready", timeout=120.0, pause=0.01)
            if kind == "dispatcher":
                wait_served(suite, count - TOPICS)
            seconds[kind] = time.monotonic() - began
            bench.say(f"{kind}: {seconds[kind]:.1f} s")
            program.terminate(timeout=60.0)
    bound = BOUND_SECONDS.get(count)
    bench.add(
        Row(
            f"start until ready with {count:,} state records",
            ", ".join(f"{kind} {seconds[kind]:.1f} s" for kind in KINDS),
            target=f"each ≤ {bound} s" if bound else "",
            met=max(seconds.values()) <= bound if bound else None,
        )
    )
