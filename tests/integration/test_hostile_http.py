"""Ten thousand malformed requests and five hundred slow connections: they harm nobody, and leave nothing."""

import contextlib
import random
import re
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from harness import planted
from harness.malformed import End, Generator, Malformed
from harness.program import SANITIZERS
from harness.suite import Suite
from harness.wait import DEADLINE, wait_for

pytestmark = pytest.mark.smoke

PREFIX = "hostile-"
TOPIC = "hostile"
SEED = 5
MALFORMED, ROUNDS, AT_ONCE = 10_000, 4, 8
SLOW, SLOW_SECONDS, SLOW_PAUSE = 500, 4.0, 0.2
GLANCE_SECONDS = 0.05
# Whatever leaks with each request or connection is more than this after half of them.
GROWTH_BOUND = 16 * 2**20

UNDERSTANDABLE = {400, 404, 405, 408, 411, 413, 414, 415, 417, 429, 431, 501, 505}


@pytest.fixture(scope="module")
def besieged(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_HUB_IDLE_TIMEOUT": "5s",
        "WEBSUB_HUB_HEADER_TIMEOUT": "2s",
        "WEBSUB_HUB_BODY_TIMEOUT": "3s",
        # Memory that was freed and is kept for AddressSanitizer's reports would look like growth.
        "ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":quarantine_size_mb=4",
    }
    directory = tmp_path_factory.mktemp("hostile")
    with Suite(kafka.bootstrap, directory, PREFIX, dispatchers=0, settings=settings) as suite:
        suite.start()
        suite.hub().register(TOPIC).check_accepted()
        yield suite


def resident_bytes(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def written(kafka_view) -> tuple[int, int]:
    """Records of events and of messages."""
    counts = kafka_view.record_counts(PREFIX)
    messages = sum(count for name, count in counts.items() if name.startswith(f"{PREFIX}messages-"))
    return counts[f"{PREFIX}events"], messages


class GoodClient:
    """Publishes all the while, on keep-alive connections; each request within the harness' deadline."""

    def __init__(self, suite: Suite):
        self._suite = suite
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self.seconds: list[float] = []

    def __enter__(self) -> "GoodClient":
        self._running = self._pool.submit(self._publish)
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        if not failure:
            self._running.result()
            assert len(self.seconds) > 10
            print(f"good client: {len(self.seconds)} publications, the slowest {max(self.seconds):.3f} s")

    def _publish(self) -> None:
        hub = self._suite.hub()
        while not self._stop.wait(0.01):
            begun = time.monotonic()
            hub.publish(TOPIC, planted.payload()).check_accepted()
            self.seconds.append(time.monotonic() - begun)
        hub.close()


def exchange(port: int, request: Malformed) -> int | None:
    """The status of the first answer; None: the connection was closed without one, or is ours to close."""
    gone = contextlib.suppress(ConnectionResetError, BrokenPipeError)
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection, gone:
        connection.sendall(request.data)
        return end(connection, request)
    return None


def end(connection: socket.socket, request: Malformed) -> int | None:
    match request.end:
        case End.CLOSE:
            return None
        case End.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        case End.HALF_CLOSE:
            connection.shutdown(socket.SHUT_WR)
        case End.GLANCE:
            connection.settimeout(GLANCE_SECONDS)
    try:
        return read_status(connection)
    except TimeoutError:
        assert request.end is End.GLANCE, f"neither answered nor closed: {request.kind} {request.data[:300]}"
        return None


def read_status(connection: socket.socket) -> int | None:
    got = b""
    while b"\r\n" not in got:
        piece = connection.recv(4096)
        if not piece:
            assert not got, f"half an answer: {got}"
            return None
        got += piece
    line = re.match(rb"HTTP/1\.[01] (\d{3}) [ -~]+\r\n", got)
    assert line, got[:200]
    return int(line[1])


def send_and_check(port: int, request: Malformed) -> int | None:
    status = exchange(port, request)
    allowed = UNDERSTANDABLE | ({200} if request.may_succeed else set())
    assert status is None or status in allowed, f"{status}: {request.kind} {request.data[:300]}"
    return status


def test_ten_thousand_malformed_requests_harm_nobody(besieged, kafka_view):
    hub = besieged["hub-0"]
    events, messages = wait_for(lambda: written(kafka_view), "topics")
    requests = iter(Generator(SEED, TOPIC))
    resident, answered = [], 0
    with GoodClient(besieged) as good, ThreadPoolExecutor(AT_ONCE) as senders:
        for _ in range(ROUNDS):
            batch = list(islice(requests, MALFORMED // ROUNDS))
            statuses = list(senders.map(lambda request: send_and_check(hub.port, request), batch))
            answered += sum(status is not None for status in statuses)
            resident.append(resident_bytes(hub.pid))
    print(f"{answered} of {MALFORMED} answered; resident MiB: {[size // 2**20 for size in resident]}")
    assert answered > MALFORMED / 3
    # The first half is the warm-up of the second.
    assert resident[-1] - resident[ROUNDS // 2 - 1] < GROWTH_BOUND
    assert written(kafka_view) == (events, messages + len(good.seconds))


class SlowConnections:
    """So many at once, each of which sends a byte now and then: of a head, or of a body."""

    def __init__(self, port: int, count: int):
        head = b"POST /hub?hub.mode=publish&hub.topic=hostile HTTP/1.1\r\nHost: hub\r\n"
        body = head + b"Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
        chunks = head + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n"
        self._port = port
        self._starts = (head, body, chunks, b"P")
        self._open: list[socket.socket] = []
        self._random = random.Random(SEED)
        self.count = count

    def __enter__(self) -> "SlowConnections":
        for number in range(self.count):
            connection = socket.create_connection(("127.0.0.1", self._port), DEADLINE)
            connection.sendall(self._starts[number % len(self._starts)])
            self._open.append(connection)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open:
            connection.close()

    def drip(self, seconds: float) -> None:
        """The hub may close those that it finds too slow."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.send(self._random.choice([b"x", b"1", b":"]))
            time.sleep(SLOW_PAUSE)

    def still_open(self) -> int:
        with selectors.DefaultSelector() as selector:
            for connection in self._open:
                selector.register(connection, selectors.EVENT_READ)
            return len(self._open) - len(selector.select(0))


def test_five_hundred_slow_connections_keep_nobody_waiting(besieged, kafka_view):
    hub = besieged["hub-0"]
    events, messages = written(kafka_view)
    resident = []
    with GoodClient(besieged) as good:
        for _ in range(2):
            with SlowConnections(hub.port, SLOW) as slow:
                slow.drip(SLOW_SECONDS)
                print(f"{slow.still_open()} of {SLOW} slow connections are still open")
                resident.append(resident_bytes(hub.pid))
    print(f"resident MiB: {[size // 2**20 for size in resident]}")
    assert resident[1] - resident[0] < GROWTH_BOUND
    assert written(kafka_view) == (events, messages + len(good.seconds))
