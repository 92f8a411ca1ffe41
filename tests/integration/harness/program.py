"""One of the three programs under test: its environment, its health, its sanitizer reports."""

import http.client
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from .hub_client import Answer, open_connection
from .paths import bin_dir
from .planted import MARK
from .ports import free_port
from .process import ManagedProcess
from .wait import DEADLINE, wait_for

KINDS = ("hub", "consolidator", "dispatcher")

_SANITIZER_EXIT_CODE = 99
SANITIZERS = {
    "ASAN_OPTIONS": f"exitcode={_SANITIZER_EXIT_CODE}:detect_leaks=1",
    "UBSAN_OPTIONS": f"exitcode={_SANITIZER_EXIT_CODE}:print_stacktrace=1",
    "TSAN_OPTIONS": f"exitcode={_SANITIZER_EXIT_CODE}",
}
_SANITIZER_REPORT = re.compile(r".*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: )")


def clean_environment(settings: dict[str, str]) -> dict[str, str]:
    """Our environment without anybody's WEBSUB_… settings, with the given ones, and loud sanitizers."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WEBSUB_")}
    return SANITIZERS | inherited | settings


def run_to_end(
    kind: str, *arguments: str, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program that is expected to end by itself, such as with --help."""
    done = subprocess.run(
        [bin_dir() / f"websub-{kind}", *arguments],
        env=clean_environment({f"WEBSUB_{kind.upper()}_PORT": str(free_port())} | (settings or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert not _SANITIZER_REPORT.search(done.stderr), done.stderr
    return done


class Program(ManagedProcess):
    """A running hub, consolidator or dispatcher; `hub-0` is the first hub."""

    def __init__(
        self, kind: str, index: int, settings: dict[str, str], directory: Path, ca_file: Path | None = None
    ):
        self.kind = kind
        self.ca_file = ca_file  # with TLS: whose certificate it must show
        self.port = free_port()
        name = f"{kind}-{index}"
        super().__init__(
            name,
            [str(bin_dir() / f"websub-{kind}")],
            directory / f"{name}.log",
            clean_environment(settings | {f"WEBSUB_{kind.upper()}_PORT": str(self.port)}),
        )
        self._end_expected = False

    def start(self) -> None:
        self._end_expected = False
        super().start()

    def take_from(self, folder: Path) -> None:
        """From its next start on it is the program in that folder: another version."""
        self.argv[-1] = str(folder / f"websub-{self.kind}")

    def kill(self) -> None:
        self._end_expected = True
        super().kill()

    def terminate(self, timeout: float = DEADLINE) -> None:
        """SIGTERM: it must end with exit code 0 within the time."""
        self.signal(signal.SIGTERM)
        self.wait_terminated(timeout)

    def wait_terminated(self, timeout: float = DEADLINE) -> None:
        code = self.wait(timeout)
        assert code == 0, f"{self.name} ended with {code} when told to stop{self.tail()}"
        self._end_expected = True

    def get(self, path: str) -> Answer:
        """GET on its port; raises OSError or http.client.HTTPException when it is not answered."""
        connection = open_connection(self.port, DEADLINE, self.ca_file)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether GET on the path is answered 200; fails when the program has ended."""
        assert self.running, f"{self.name} ended with {self.returncode}{self.tail()}"
        try:
            return self.get(path).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_healthy(self, timeout: float = DEADLINE) -> None:
        wait_for(lambda: self.answers("/healthz"), lambda: f"{self.name} healthy{self.tail()}", timeout)

    def wait_ready(self, timeout: float = DEADLINE) -> None:
        wait_for(lambda: self.answers("/readyz"), lambda: f"{self.name} ready{self.tail()}", timeout)

    def log_lines(self) -> list[str]:
        """What it logged since its last start, but for a line that is not complete yet."""
        return self.log().rpartition("\n")[0].splitlines()

    def events(self, name: str, **fields: object) -> list[dict]:
        """What it logged under this name since its last start, with these fields."""
        lines = [line for line in self.log_lines() if f'"event":"{name}"' in line]
        decoded = [json.loads(line) for line in lines]
        return [event for event in decoded if fields.items() <= event.items()]

    def new_problems(self) -> list[str]:
        """What must fail a test whatever it looks at, reported once: an end that nobody asked for, a
        sanitizer report, a planted secret or payload in the log."""
        found = []
        for line in self.new_log_lines():
            if _SANITIZER_REPORT.match(line):
                found.append(f"{self.name}: {line}{self.tail(60)}")
            if MARK in line:
                found.append(f"{self.name} logged a secret or a payload: {line[:500]}")
        if self.started and not self.running and not self._end_expected:
            self._end_expected = True
            found.append(f"{self.name} ended unasked with {self.returncode}{self.tail(60)}")
        return found
