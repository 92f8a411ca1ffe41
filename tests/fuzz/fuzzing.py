"""Lets fuzz targets run, and tells what they did and found. Started by tests/fuzz/run, which builds them."""

import argparse
import os
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "fuzz"
PREFIX = "fuzz_"

# A target's dictionary is <target>.dict, or that of another:
DICTIONARIES = {
    "event": "json",
    "notice": "json",
    "state": "json",
    "delivery_report": "json",
    "jwk": "json",
    "migration": "json",
    "form": "http",
    "url": "http",
}
MAX_INPUT = 8192
# For one input; fuzz_http gives its hub half a minute.
INPUT_SECONDS = 60
# Beyond the time that was asked for: starting, reading the corpus, a last slow input.
GRACE_SECONDS = 120


@dataclass
class Outcome:
    target: str
    exit_code: int
    executions: int
    cpu_seconds: float
    found: list[Path]
    log: Path

    @property
    def failed(self) -> bool:
        return self.exit_code != 0


def all_targets() -> list[str]:
    binaries = (path for path in (BUILD / "tests" / "fuzz").glob(f"{PREFIX}*") if path.is_file())
    return sorted(path.name.removeprefix(PREFIX) for path in binaries if os.access(path, os.X_OK))


def command(target: str, seconds: int, corpus: Path, found: Path) -> list[str]:
    dictionary = HERE / f"{DICTIONARIES.get(target, target)}.dict"
    return [
        str(BUILD / "tests" / "fuzz" / f"{PREFIX}{target}"),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_INPUT}",
        f"-timeout={INPUT_SECONDS}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
        str(corpus),
        str(HERE / "corpus" / target),
    ]


def wait(process: subprocess.Popen, seconds: int) -> tuple[int, float]:
    """Its exit code and CPU time; it is killed when it does not end."""
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def fuzz(target: str, seconds: int) -> Outcome:
    corpus, found = BUILD / "corpus" / target, BUILD / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    log = BUILD / "found" / f"{target}.log"
    before = set(found.iterdir())
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(target, seconds, corpus, found), stdout=output, stderr=subprocess.STDOUT
        )
    exit_code, cpu_seconds = wait(process, seconds + GRACE_SECONDS)
    match = re.search(r"stat::number_of_executed_units:\s*(\d+)", log.read_text(errors="replace"))
    return Outcome(
        target,
        exit_code,
        int(match[1]) if match else 0,
        cpu_seconds,
        sorted(set(found.iterdir()) - before),
        log,
    )


def tell(outcome: Outcome) -> None:
    result = f"FAILED with {outcome.exit_code}" if outcome.failed else "nothing found"
    work = f"{outcome.executions:>12,} executions {outcome.cpu_seconds:>8.1f} s CPU"
    print(f"{outcome.target:16} {work}  {result}", flush=True)
    for path in outcome.found:
        print(f"    {path}")
    if outcome.failed:
        lines = outcome.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if re.search(r"panic:|ERROR: |SUMMARY: |runtime error:", line)]
        print("\n".join(f"    {line}" for line in telling[:10]))
        print(f"    all of it: {outcome.log}", flush=True)


def write_junit(path: Path, outcomes: list[Outcome]) -> None:
    failures = sum(outcome.failed for outcome in outcomes)
    suite = ET.Element("testsuite", name="fuzzers", tests=str(len(outcomes)), failures=str(failures))
    for outcome in outcomes:
        time = f"{outcome.cpu_seconds:.1f}"
        case = ET.SubElement(suite, "testcase", classname="fuzz", name=outcome.target, time=time)
        if outcome.failed:
            failure = ET.SubElement(case, "failure", message=f"ended with {outcome.exit_code}")
            failure.text = "\n".join(str(found) for found in outcome.found)
    ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/fuzz/run", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("targets", nargs="*", help="default: all")
    parser.add_argument("--jobs", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument("--junit", type=Path, help="write the results to this file, too")
    arguments = parser.parse_args()
    known = all_targets()
    targets = arguments.targets or known
    if unknown := set(targets) - set(known):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(fuzz, target, arguments.seconds) for target in targets]
        outcomes = []
        for future in running:
            outcomes.append(future.result())
            tell(outcomes[-1])
    if arguments.junit:
        write_junit(arguments.junit, outcomes)
    return int(not outcomes or any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
