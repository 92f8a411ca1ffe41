"""Clients that others wrote, each in a process of its own: a small driver around their library does what it
reads, a JSON object a line, and answers each with one, {"result": …} or {"error": "…"} (tests/clients)."""

import contextlib
import json
import os
import queue
import subprocess
import threading
from pathlib import Path

from .wait import DEADLINE, wait_for


class CallFailed(Exception):
    """What the client's library threw."""


class ClientProcess:
    """A running driver. It is started at once and takes its time: the first call waits for it."""

    def __init__(self, name: str, argv: list[str | Path], log_path: Path, env: dict[str, str] | None = None):
        self.name = name
        self._log_path = log_path
        self._lines: queue.Queue[str] = queue.Queue()
        with open(log_path, "wb") as log:
            # As harness/process.py: dies with the tests.
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | (env or {}),
                text=True,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put("")

    def call(self, name: str, timeout: float = 3 * DEADLINE, **arguments: object) -> object:
        """The result; CallFailed if the library threw. For one thread at a time."""
        self._child.stdin.write(json.dumps({"call": name} | arguments) + "\n")
        self._child.stdin.flush()
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"{self.name}: no answer to {name}{self._tail()}") from None
        assert line, f"{self.name} has ended{self._tail()}"
        answer = json.loads(line)
        if answer.get("error") is not None:
            raise CallFailed(answer["error"])
        return answer.get("result")

    def bodies(self) -> list[str]:
        """Of the deliveries that the library found good, in the order of their arrival."""
        return [delivery["body"] for delivery in self.call("deliveries")]

    def wait_body(self, body: str) -> None:
        wait_for(lambda: body in self.bodies(), lambda: f"{body!r} at {self.name}{self._tail()}", pause=0.1)

    def close(self) -> None:
        """Ends it, in its own way if it can."""
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        try:
            self._child.wait(DEADLINE)
        finally:
            self._child.kill()
            self._child.wait()
            self._child.stdout.close()

    def _tail(self, lines: int = 25) -> str:
        last = self._log_path.read_text("utf-8", "backslashreplace").splitlines()[-lines:]
        return "".join(f"\n    {self.name}| {line[:500]}" for line in last)
