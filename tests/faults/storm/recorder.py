"""storm-recorder (programs/recorder.c) as an object, and how to read what it recorded."""

import http.client
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness import planted
from harness.paths import REPOSITORY
from harness.ports import free_port
from harness.process import ManagedProcess
from harness.wait import wait_for

# struct record of programs/record.h: at_ns, number, message id, subscriber, topic, status, kind, secret.
_RECORD = struct.Struct("=qQ16sHHHBB")
_CHUNK = _RECORD.size << 14

DELIVERY, VERIFICATION, DENIAL = range(3)
NO_SECRET = 0xFF

Record = tuple[int, int, bytes, int, int, int, int, int]


def secret(subscriber: int, topic: int, generation: int) -> str:
    """Of a subscription, as the recorder knows them."""
    return planted.secret(f"{subscriber}-{topic}-{generation}")


def _program() -> Path:
    """Built by tests/run and tests/faults/run-storm, of the release preset whatever is under test."""
    path = REPOSITORY / "build" / "release" / "tests" / "faults" / "storm-recorder"
    chosen = Path(os.environ.get("WEBSUB_STORM_RECORDER", path))
    assert chosen.exists(), f"no {chosen}: cmake --build build/release --target storm-recorder"
    return chosen


class Recorder:
    """The subscribers of a run, by number; a context manager. fail and recover: main thread only."""

    def __init__(self, directory: Path, subscribers: int):
        self._control = free_port()
        self._ports = [free_port() for _ in range(subscribers)]
        self.path = directory / "record"
        argv = [_program(), "--record", self.path, "--secret-prefix", planted.secret("")]
        argv += ["--control", self._control, *self._ports]
        self._process = ManagedProcess("storm-recorder", argv, directory / "storm-recorder.log")

    def __enter__(self) -> "Recorder":
        self._process.start()
        wait_for(self._answers, lambda: f"storm-recorder answers{self._process.tail()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    @property
    def subscribers(self) -> range:
        return range(len(self._ports))

    def callback(self, subscriber: int) -> str:
        return f"http://127.0.0.1:{self._ports[subscriber]}/callback"

    def fail(self, subscribers: Iterable[int], how: str) -> None:
        """See programs/recorder.c for what it can do; "recover" ends it."""
        for subscriber in subscribers:
            status = self._get(f"/{subscriber}/{how}")
            assert status == 204, f"storm-recorder answered {status} to {how!r}{self._process.tail()}"

    def _get(self, target: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=10)
        try:
            connection.request("GET", target)
            return connection.getresponse().status
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self._get("/") == 404
        except OSError:
            return False


def read_records(path: Path) -> Iterator[Record]:
    """All of them, in the order of arrival."""
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield from _RECORD.iter_unpack(chunk)


def pack(record: Record) -> bytes:
    return _RECORD.pack(*record)


class Progress:
    """Follows the record as it grows: how far each subscription has come. For several threads.

    A subscription is a pair of the numbers of its subscriber and its topic.
    """

    def __init__(self, path: Path):
        self._file = open(path, "rb")  # noqa: SIM115 - closed with the run
        self._lock = threading.Lock()
        self._rest = b""
        self.confirmed: dict[tuple[int, int], int] = {}  # the highest number
        self.warmed_up: set[tuple[int, int]] = set()
        self.verified_ns: dict[tuple[int, int], int] = {}  # the last time
        self.deliveries = 0

    def follow(self) -> None:
        """Takes what was recorded since the last call."""
        with self._lock:
            data = self._rest + self._file.read()
            complete = len(data) - len(data) % _RECORD.size
            self._rest = data[complete:]
            for record in _RECORD.iter_unpack(data[:complete]):
                self._take(record)

    def _take(self, record: Record) -> None:
        at_ns, number, _, subscriber, topic, status, kind, _ = record
        if not 200 <= status < 300:
            return
        place = (subscriber, topic)
        if kind == VERIFICATION:
            self.verified_ns[place] = at_ns
        elif kind == DELIVERY:
            self.deliveries += 1
            if number == 0:
                self.warmed_up.add(place)
            elif number > self.confirmed.get(place, 0):
                self.confirmed[place] = number

    def close(self) -> None:
        self._file.close()
