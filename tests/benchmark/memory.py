"""Memory of each program with more and more idle subscriptions."""

from harness.program import KINDS
from harness.suite import Suite
from harness.wait import wait_for

from .bench import SECRET, Bench
from .metrics import wait_served
from .table import Row
from .usage import rss_kib

TOPICS = 100
# RSS at 1,000 has a bound of its own; the others give the cost of one subscription.
COUNTS = (0, 1_000, 10_000, 100_000)
QUICK_COUNTS = (0, 1_000, 10_000)
PER_SUBSCRIPTION_KIB = {"dispatcher": 2.0, "hub": 1.0}
IDLE_MIB = 40
SETTLED_SECONDS = 2.0


def run(bench: Bench) -> None:
    counts = QUICK_COUNTS if bench.quick else COUNTS
    rss: dict[int, dict[str, int]] = {count: _measure(bench, count) for count in counts}
    for count in counts:
        shown = ", ".join(f"{kind} {rss[count][kind] / 1024:.1f}" for kind in KINDS)
        bounded = count == 1_000
        bench.add(
            Row(
                f"RSS in MiB, idle with {count:,} subscriptions",
                shown,
                target=f"each ≤ {IDLE_MIB} MiB" if bounded else "",
                met=max(rss[count].values()) <= IDLE_MIB * 1024 if bounded else None,
            )
        )
    many = counts[-1]
    for kind in KINDS:
        each = (rss[many][kind] - rss[0][kind]) / many
        most = PER_SUBSCRIPTION_KIB.get(kind)
        bench.add(
            Row(
                f"memory per idle subscription, {kind}",
                f"{each:.2f} KiB",
                target=f"≤ {most:g} KiB" if most else "",
                met=each <= most if most else None,
            )
        )


def _measure(bench: Bench, count: int) -> dict[str, int]:
    """RSS in KiB by kind of program, in a fresh installation that has loaded so many subscriptions."""
    with bench.suite() as suite:
        bench.seed(
            suite, "--topic", bench.topic(), "--topics", TOPICS, "--subscriptions", count,
            "--callback", "http://127.0.0.1:9/callback", "--secret", SECRET,
        )  # fmt: skip
        suite.start()
        wait_served(suite, count)
        settled = _settled(suite)
        bench.say(f"{count:,} subscriptions: {settled}")
        return settled


def _settled(suite: Suite) -> dict[str, int]:
    """RSS once nothing has changed by more than a page or so for some time."""
    last: dict[str, int] = {}

    def measure() -> dict[str, int] | None:
        now = {kind: rss_kib(suite[f"{kind}-0"].pid) for kind in KINDS}
        stable = last and all(abs(now[kind] - last[kind]) <= 64 for kind in KINDS)
        last.update(now)
        return now if stable else None

    return wait_for(measure, "memory settles", timeout=30.0, pause=SETTLED_SECONDS)
