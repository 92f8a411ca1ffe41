"""Polling with a deadline: the only way in which the tests wait for something."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Generous: a sanitizer build on two busy cores must not fail for being slow.
DEADLINE = 30.0


def wait_for(probe: Callable[[], T], what: str, timeout: float = DEADLINE, pause: float = 0.02) -> T:
    """Calls probe until its result is truthy and returns that; fails with `what` at the deadline.

    `what` may be a callable, for a message that describes the state at the deadline.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() >= deadline:
            described = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {described}")
        time.sleep(pause)


def stays_false(probe: Callable[[], object], what: str, for_seconds: float) -> None:
    """Fails as soon as probe is truthy: for things that must not happen. Costs the whole time."""
    deadline = time.monotonic() + for_seconds
    while time.monotonic() < deadline:
        result = probe()
        assert not result, f"{what}: {result!r}"
        time.sleep(0.05)
