"""A child process that never outlives the tests, with its output in a file."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from .wait import wait_for


class ManagedProcess:
    """Starts, signals and stops one program, by its pid; start may be called again after it ended.

    `setpriv --pdeathsig` makes the kernel kill the child when the thread that started it ends, so
    that not even a `kill -9` of the tests leaves anything behind. Hence: start from the main thread.
    """

    def __init__(self, name: str, argv: list[str], log_path: Path, env: dict[str, str] | None = None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.env = env
        self.log_path = log_path
        self._child: subprocess.Popen | None = None
        self._log_start = 0
        self._log_seen = 0

    def start(self) -> None:
        """Starts the program; its output is appended to the log of earlier starts."""
        assert not self.running, f"{self.name} is already running"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                # Its own session: Ctrl-C goes to the tests, which then stop their children in order.
                start_new_session=True,
            )

    def run_under(self, prefix: list[str]) -> None:
        """From its next start on, runs as the rest of this command line, which must end in an exec."""
        self.argv = [*prefix, *self.argv]

    @property
    def started(self) -> bool:
        return self._child is not None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit code of the last start, negative for a signal, None while running."""
        return self._child.poll() if self._child else None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    def signal(self, number: int) -> None:
        assert self.running, f"{self.name} is not running (exit code {self.returncode}){self.tail()}"
        os.kill(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers. Returns when every thread stands still."""
        self.signal(signal.SIGSTOP)
        wait_for(lambda: self._thread_states() == {"T"}, f"{self.name} stopped")

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def _thread_states(self) -> set[str]:
        """The kernel's letters: R(unning), S(leeping), T (stopped)…"""
        states = set()
        for path in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # a thread that has just ended
                # The name before the state is in parentheses and may contain anything.
                states.add(path.read_text().rpartition(")")[2].split()[0])
        return states

    def wait(self, timeout: float = 30.0) -> int:
        """Waits for the end, returns the exit code; fails at the deadline and leaves it running."""
        assert self._child is not None
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s{self.tail()}") from None

    def kill(self) -> None:
        """kill -9, for which a stopped process needs no SIGCONT; harmless when it has ended."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def log(self) -> str:
        """What it wrote since its last start."""
        return self._read_log(self._log_start).decode("utf-8", "backslashreplace")

    def new_log_lines(self) -> list[str]:
        """The lines that were completed since the last call, over all starts."""
        complete, newline, _ = self._read_log(self._log_seen).rpartition(b"\n")
        self._log_seen += len(complete) + len(newline)
        return complete.decode("utf-8", "backslashreplace").splitlines()

    def _read_log(self, start: int) -> bytes:
        if not self.log_path.exists():
            return b""
        with open(self.log_path, "rb") as log:
            log.seek(start)
            return log.read()

    def wait_for_log(self, text: str, timeout: float = 30.0) -> None:
        """Waits until the text is in the output since the last start; fails early if it ends."""

        def probe() -> bool:
            if text in self.log():
                return True
            assert self.running, f"{self.name} ended with {self.returncode} before {text!r}{self.tail()}"
            return False

        wait_for(probe, lambda: f"{text!r} in the log of {self.name}{self.tail()}", timeout)

    def tail(self, lines: int = 25) -> str:
        """The end of its log, to be put into failure messages."""
        last = self.log().splitlines()[-lines:]
        return "".join(f"\n    {self.name}| {line[:500]}" for line in last)
