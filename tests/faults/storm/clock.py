"""Moments of the monotonic clock as the programs' logs have them (UTC): to be read side by side."""

import time
from datetime import UTC, datetime

_WALL_MINUS_MONOTONIC = time.time_ns() - time.monotonic_ns()


def clock(at_ns: int) -> str:
    wall = datetime.fromtimestamp((at_ns + _WALL_MINUS_MONOTONIC) / 1e9, UTC)
    return wall.strftime("%H:%M:%S.%f")[:-3]
