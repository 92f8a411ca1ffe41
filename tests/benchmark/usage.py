"""CPU time and memory of a running process, from /proc."""

import os
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far."""
    # The program's name, in brackets, may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def rss_kib(pid: int) -> int:
    """Resident memory, shared libraries included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"no VmRSS of process {pid}")


class CpuMeter:
    """CPU seconds of processes since the meter was made."""

    def __init__(self, *pids: int):
        self._start = {pid: cpu_seconds(pid) for pid in pids}

    def seconds(self, pid: int) -> float:
        return cpu_seconds(pid) - self._start[pid]
