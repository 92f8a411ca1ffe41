"""How long subscriptions wait after the kill -9 of a dispatcher."""

import time

from . import tools
from .bench import Bench, subscribe, wait_active
from .metrics import wait_shared
from .table import Row

SESSION_TIMEOUT = 6  # seconds: kafka.session_timeout's default
ALLOWANCE = 3
# Few enough that what has gathered meanwhile is delivered at once.
SUBSCRIBERS = 64
RATE = 20


def run(bench: Bench) -> None:
    """While messages are published: the one that waits longest tells until when nobody served."""
    with bench.sink(8) as sink, bench.suite(dispatchers=2) as suite:
        suite.start()
        wait_shared(suite)
        topic = bench.topic()
        suite.hub().register(topic).check_accepted()
        subscribe(suite, topic, [sink.url(f"failover/{i}", i % 8) for i in range(SUBSCRIBERS)])
        wait_active(suite, sink, topic, SUBSCRIBERS)
        with tools.Publishing(suite["hub-0"].port, topic, "--rate", RATE, "--seconds", 16) as publishing:
            time.sleep(2.0)
            suite.kill("dispatcher-0")
            published = publishing.finish(16)
        report = sink.wait_deliveries(published["accepted"] * SUBSCRIBERS, timeout=60.0)
    waited = report["latency"]["max_us"] / 1e6
    repeated = report["deliveries"] - published["accepted"] * SUBSCRIBERS
    bench.add(
        Row(
            "kill -9 of one of two dispatchers until all are served again",
            f"{waited:.1f} s ({repeated:,} of {report['deliveries']:,} deliveries repeated)",
            target=f"≤ {SESSION_TIMEOUT} + {ALLOWANCE} s",
            met=waited <= SESSION_TIMEOUT + ALLOWANCE,
        )
    )
