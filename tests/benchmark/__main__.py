"""`python -m benchmark GROUP...`: runs groups of rows and prints the table; see tests/bench."""

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .bench import Bench
from .table import print_table

GROUPS = (
    "latency",
    "throughput",
    "authentication",
    "memory",
    "footprint",
    "startup",
    "failover",
    "scale",
    "operators",
)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench", description="Measures the suite on this machine.")
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", default=["all"], help=f"all, or some of {', '.join(GROUPS)}"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: for a first impression")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and Kafka's data")
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - {"all", *GROUPS}
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if "all" in arguments.groups:
        arguments.groups = GROUPS
    return arguments


def _run_group(bench: Bench, name: str) -> None:
    importlib.import_module(f".{name}", __package__).run(bench)


def _machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, load average before {os.getloadavg()[0]:.1f}"


def main() -> int:
    arguments = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine = _machine()
    directory = Path(tempfile.mkdtemp(prefix="websub-bench-"))
    bench = Bench(directory, arguments.quick)
    try:
        bench.kafka.start()
        for name in arguments.groups:
            bench.attempt(name, _run_group, name)
    finally:
        bench.close()
        if arguments.keep:
            bench.say(f"logs and Kafka's data: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
        # Also when interrupted: what is there is there.
        print(f"\n{machine}{', --quick' if arguments.quick else ''}\n")
        print_table(bench.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
