"""`python -m storm`: see tests/faults/run-storm."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from .report import describe_outcome, describe_plan
from .run import Size, Storm


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/faults/run-storm",
        description="Random faults under load: nothing lost, order kept, every duplicate explained.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="decides on all faults")
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--subscribers", type=int, default=50, help="each subscribes to every topic")
    parser.add_argument("--topics", type=int, default=5)
    parser.add_argument("--fastest", type=float, default=300, help="messages a second, at most")
    parser.add_argument("--log-level", default="info", help="of the programs")
    parser.add_argument("--plan", action="store_true", help="print the plan only")
    parser.add_argument("--keep", action="store_true", help="keep logs and the record after a good run, too")
    return parser.parse_args()


def main() -> int:
    arguments = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = Path(tempfile.mkdtemp(prefix="websub-storm-"))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    size = Size(
        seed=arguments.seed,
        faults=arguments.faults,
        messages=arguments.messages,
        subscribers=arguments.subscribers,
        topics=arguments.topics,
        fastest=arguments.fastest,
        log_level=arguments.log_level,
    )
    storm = Storm(size, directory, say)
    print(*describe_plan(storm.plan), sep="\n", flush=True)
    if arguments.plan:
        shutil.rmtree(directory)
        return 0
    outcome = storm.run()
    print("", *describe_outcome(outcome), sep="\n", flush=True)
    if outcome.sound and not arguments.keep:
        shutil.rmtree(directory, ignore_errors=True)
    elif outcome.sound:
        print(f"logs and the record: {directory}")
    return 0 if outcome.sound else 1


if __name__ == "__main__":
    sys.exit(main())
