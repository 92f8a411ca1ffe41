"""What more dispatchers bring when subscribers are slow: not CPU but connections are what there is too
little of."""

from harness.suite import Suite

from .bench import Bench, subscribe, wait_active
from .metrics import wait_shared
from .saturation import saturate
from .table import Row
from .tools import Sink

DELAY_MS = 100
# Enough that each of four dispatchers has more of them than connections.
SUBSCRIBERS = 400
CONNECTIONS_PER_HOST = 16
LEAST_GAIN = 3.5
# More would only take longer to drain.
WAITING = 2 * SUBSCRIBERS


def run(bench: Bench) -> None:
    seconds = 5.0 if bench.quick else 10.0
    speeds = {}
    with bench.sink() as sink:
        for dispatchers in (1, 4):
            settings = {"WEBSUB_DISPATCHER_MAX_CONNECTIONS_PER_HOST": str(CONNECTIONS_PER_HOST)}
            with bench.suite(settings, dispatchers=dispatchers) as suite:
                speeds[dispatchers] = _measure(bench, suite, sink, seconds)
    gain = speeds[4] / speeds[1]
    bench.add(
        Row(
            f"1 → 4 dispatchers, {SUBSCRIBERS} subscribers of one host that take {DELAY_MS} ms",
            f"{speeds[1]:,.0f}/s → {speeds[4]:,.0f}/s",
            f"{gain:.2f} ×",
            f"≥ {LEAST_GAIN} ×",
            gain >= LEAST_GAIN,
        )
    )


def _measure(bench: Bench, suite: Suite, sink: Sink, seconds: float) -> float:
    suite.start()
    wait_shared(suite)
    topic = bench.topic()
    suite.hub().register(topic).check_accepted()
    subscribe(suite, topic, [sink.url(f"delay-{DELAY_MS}/{i}") for i in range(SUBSCRIBERS)])
    wait_active(suite, sink, topic, SUBSCRIBERS, patience=10.0, timeout=120.0)
    return saturate(suite, sink, topic, SUBSCRIBERS, seconds, WAITING).per_second
