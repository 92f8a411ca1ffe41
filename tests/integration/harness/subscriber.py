"""A subscriber's HTTP server: scripted answers per callback path, everything received on record."""

import contextlib
import hashlib
import hmac
import itertools
import re
import socket
import socketserver
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from .behaviours import Behaviour, Reply, answer, echo_challenge
from .wait import DEADLINE, wait_for

# Content-Type of messages that only probe whether a subscription is active; see harness/settle.py. They are
# always taken, whatever the endpoint does to messages: when a test has it fail, one may be on its way still,
# or come again after a crash.
WARM_UP = "application/x-warm-up"


@dataclass
class Received:
    """One request, as it came over the wire."""

    method: str
    target: str  # path and query, undecoded
    headers: list[tuple[str, str]]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    status: int | None = None  # what it was answered with, None while or when it was not
    answered: bool = False  # the answer is on its way: it arrives even if we end now

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    @property
    def parameters(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def parameter(self, name: str) -> str:
        """The last value of a query parameter: the hub appends its own to those of the callback."""
        values = [value for key, value in self.parameters if key == name]
        return values[-1] if values else ""

    def header(self, name: str) -> str | None:
        values = self.header_values(name)
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def message_id(self) -> str | None:
        return self.header("X-Hub-Message-Id")

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def links(self) -> dict[str, list[str]]:
        """Targets of all Link headers by relation."""
        found: dict[str, list[str]] = {}
        for value in self.header_values("Link"):
            for target, relations in re.findall(r'<([^>]*)>\s*;\s*rel="?([^",;]+)"?', value):
                for relation in relations.split():
                    found.setdefault(relation, []).append(target)
        return found

    def is_signed_with(self, secret: str, method: str = "sha256") -> bool:
        """Whether there is exactly one signature and it is the right one for the exact body."""
        expected = f"{method}={hmac.new(secret.encode(), self.body, method).hexdigest()}"
        signatures = self.header_values("X-Hub-Signature")
        return len(signatures) == 1 and hmac.compare_digest(signatures[0], expected)

    def __str__(self) -> str:
        digest = hashlib.sha256(self.body).hexdigest()[:8]
        return (
            f"{self.method} {self.target} -> {self.status} id={self.message_id} "
            f"{len(self.body)} bytes {self.body[:60]!r} ({digest})"
        )


class Endpoint:
    """One callback. Its behaviours may be replaced at any time by assignment."""

    def __init__(self, url: str):
        self.url = url
        self.path = urlsplit(url).path
        self.on_verification: Behaviour = echo_challenge
        self.on_delivery: Behaviour = answer(200)
        self.on_denial: Behaviour = answer(200)
        self._lock = threading.Lock()
        self._requests: list[Received] = []

    def handle(self, received: Received) -> Reply | None:
        # In one step: what is on record is answered as was said then, whatever is said from now on.
        with self._lock:
            behave = self._behaviour_for(received)
            self._requests.append(received)
        reply = behave(received)
        received.status = reply.status if reply else None
        return reply

    def _behaviour_for(self, received: Received) -> Behaviour:
        if received.header("Content-Type") == WARM_UP:
            return answer(200)
        if received.method == "POST":
            return self.on_delivery
        return self.on_denial if received.parameter("hub.mode") == "denied" else self.on_verification

    def requests(self) -> list[Received]:
        """Everything, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    def verifications(self, mode: str | None = None) -> list[Received]:
        modes = [mode] if mode else ["subscribe", "unsubscribe"]
        return [r for r in self.requests() if r.method == "GET" and r.parameter("hub.mode") in modes]

    def denials(self) -> list[Received]:
        return [r for r in self.requests() if r.method == "GET" and r.parameter("hub.mode") == "denied"]

    def attempts(self) -> list[Received]:
        """Every delivery that reached us, whatever we answered."""
        return [r for r in self.requests() if r.method == "POST" and r.header("Content-Type") != WARM_UP]

    def deliveries(self) -> list[Received]:
        """Deliveries that we confirmed."""
        return [r for r in self.attempts() if r.succeeded]

    def warm_ups(self) -> list[Received]:
        return [r for r in self.requests() if r.method == "POST" and r.header("Content-Type") == WARM_UP]

    def bodies(self) -> list[bytes]:
        return [r.body for r in self.deliveries()]

    def wait_verified(self, mode: str = "subscribe", count: int = 1, timeout: float = DEADLINE) -> Received:
        """Waits for the count-th verification of this mode that we answered with 2xx."""

        def probe() -> list[Received]:
            return [r for r in self.verifications(mode) if r.succeeded][count - 1 :]

        return wait_for(probe, lambda: f"verification {count} of {mode}{self.describe()}", timeout)[0]

    def wait_denied(self, timeout: float = DEADLINE) -> Received:
        return wait_for(self.denials, lambda: f"a denial{self.describe()}", timeout)[0]

    def wait_attempts(self, count: int, timeout: float = DEADLINE) -> list[Received]:
        return wait_for(
            lambda: self.attempts()[: count if len(self.attempts()) >= count else 0],
            lambda: f"{count} delivery attempts{self.describe()}",
            timeout,
        )

    def wait_deliveries(self, count: int, timeout: float = DEADLINE) -> list[Received]:
        """All, when so many are confirmed: an attempt is on record before it is answered."""
        return wait_for(
            lambda: len(self.deliveries()) >= count and self.deliveries(),
            lambda: f"{count} deliveries{self.describe()}",
            timeout,
        )

    def wait_bodies(self, expected: list[bytes], timeout: float = DEADLINE) -> None:
        """Waits until exactly these bodies were confirmed, in this order; fails early on any other."""

        def probe() -> bool:
            bodies = self.bodies()
            assert bodies == expected[: len(bodies)], f"not a prefix of what was published{self.describe()}"
            return len(bodies) == len(expected)

        wait_for(probe, lambda: f"{len(expected)} deliveries{self.describe()}", timeout)

    def describe(self, last: int = 30) -> str:
        """The last requests, to be put into failure messages."""
        lines = self.requests()[-last:]
        return f"; {self.path} received:" + "".join(f"\n    {line}" for line in lines or ["nothing"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    disable_nagle_algorithm = True
    server: "_Server"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = Received(self.command, self.path, self.headers.items(), body)
        reply = self.server.subscriber.handle(received)
        try:
            self._send(reply)
        finally:
            received.answered = True

    def _send(self, reply: Reply | None) -> None:
        if reply is None:
            self.close_connection = True
            return
        if reply.raw is not None:
            self.close_connection = True
            self.wfile.write(reply.raw)
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_HEAD = do_PUT = _handle

    def log_message(self, *_: object) -> None:
        """Silent: requests are on record in the endpoints."""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, port: int, subscriber: "Subscriber"):
        self.subscriber = subscriber
        self._open: set = set()
        super().__init__((subscriber.address, port), _Handler)

    def process_request(self, request, client_address) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """In both directions, so that the threads that serve them see their end at once."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """A peer that goes away in the middle is what some tests provoke."""


class Subscriber:
    """The server; start and stop may alternate, the port and the endpoints stay."""

    scheme = "http"

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self._endpoints: dict[str, Endpoint] = {}
        self._numbers = itertools.count(1)
        self._server: _Server | None = None
        self._kept: socket.socket | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        assert self._server is None
        self._server = self._new_server()
        self.port = self._server.server_address[1]
        if self._kept:
            self._kept.close()
            self._kept = None
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _new_server(self) -> "_Server":
        return _Server(self.port, self)

    def stop(self) -> None:
        """New connections are refused and the open ones closed, as when the machine reboots.

        What is confirmed on our record is so for the peer, too: answers that are decided are sent first.
        """
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        # Bound, but listening to nobody: else some other connection might be given the port meanwhile.
        self._kept = socket.socket()
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind((self.address, self.port))
        wait_for(lambda: not self._is_answering(), "answers to be sent")
        self._server.close_connections()
        self._server = None

    def _is_answering(self) -> bool:
        received = (received for endpoint in self._endpoints.values() for received in endpoint.requests())
        return any(each.status is not None and not each.answered for each in received)

    def endpoint(self, name: str = "callback", query: str = "", host: str | None = None) -> Endpoint:
        """A new callback with a path of its own; `query` is appended to its URL as it is.

        `host`: a name of this subscriber's address, or another spelling.
        """
        path = f"/{name}-{next(self._numbers)}"
        url = f"{self.scheme}://{host or self.address}:{self.port}{path}"
        endpoint = Endpoint(f"{url}?{query}" if query else url)
        self._endpoints[path] = endpoint
        return endpoint

    def handle(self, received: Received) -> Reply | None:
        endpoint = self._endpoints.get(urlsplit(received.target).path)
        return endpoint.handle(received) if endpoint else Reply(404)

    def retire(self) -> None:
        """Has every endpoint answer 410 from now on: what is left of its subscription ends."""
        for endpoint in list(self._endpoints.values()):
            endpoint.on_delivery = answer(410)
            endpoint.on_verification = answer(404)
