"""What the programs tell about themselves at /metrics."""

from harness.program import Program
from harness.suite import Suite
from harness.wait import wait_for


def gauge(program: Program, name: str) -> int:
    for line in program.get("/metrics").body.decode().splitlines():
        if line.startswith(f"{name} "):
            return int(float(line.split()[1]))
    raise AssertionError(f"{program.name} has no metric {name}")


def dispatchers(suite: Suite) -> list[Program]:
    return [program for program in suite.programs.values() if program.kind == "dispatcher"]


def wait_served(suite: Suite, count: int, timeout: float = 120.0) -> None:
    """Returns when the dispatchers together serve so many subscriptions."""
    name = "websub_dispatcher_subscriptions"

    def served() -> int:
        return sum(gauge(program, name) for program in dispatchers(suite))

    wait_for(
        lambda: served() >= count, lambda: f"{count:,} subscriptions, not {served():,}", timeout, pause=0.1
    )


def wait_shared(suite: Suite, timeout: float = 60.0) -> None:
    """Returns when the shards are spread evenly over the dispatchers."""

    def shares() -> list[int]:
        return [gauge(program, "websub_dispatcher_shards") for program in dispatchers(suite)]

    def even() -> bool:
        now = shares()
        return min(now) > 0 and max(now) - min(now) <= 1

    wait_for(even, lambda: f"shards are spread evenly, not {shares()}", timeout, pause=0.2)
