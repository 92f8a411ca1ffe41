"""A publisher's and subscriber's way to the hub: keep-alive requests, and raw bytes for malformed ones."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None

    @property
    def fields(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    @property
    def mode(self) -> str | None:
        return self.fields.get("hub.mode", [None])[0]

    @property
    def reason(self) -> str:
        return self.fields.get("hub.reason", [""])[0]

    @property
    def message_id(self) -> str | None:
        return self.header("X-Hub-Message-Id")

    def check_accepted(self, status: int = 200) -> "Answer":
        """A control request or publish that was accepted, with the hub's form-encoded answer."""
        assert self.status == status, self
        if status == 200:
            assert self.mode == "accepted", self
        return self

    def check_denied(self, status: int) -> "Answer":
        """A refusal with a reason, form-encoded, that gives nothing internal away."""
        assert self.status == status, self
        assert (self.header("Content-Type") or "").split(";")[0] == FORM, self
        assert self.mode == "denied" and self.reason, self
        assert b".c:" not in self.body, f"names a source file: {self}"
        return self


def open_connection(
    port: int, timeout: float, ca_file: Path | None = None, certificate: Path | None = None
) -> http.client.HTTPConnection:
    """To a program on this machine; with `ca_file` by TLS, and its certificate must be of that authority.
    `certificate`: what we show."""
    if ca_file is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    context = ssl.create_default_context(cafile=ca_file)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)


class HubClient:
    """One keep-alive connection to one hub; not for use by two threads at once.

    Nothing is ever sent twice: whoever publishes must see that an outcome is unknown.
    """

    # A connection that was idle for this long may be closed by the hub just when we send.
    _REUSE_SECONDS = 3.0

    def __init__(
        self,
        port: int,
        headers: dict[str, str] | None = None,
        path: str = "/hub",
        timeout: float = 30.0,
        ca_file: Path | None = None,
        certificate: Path | None = None,
    ):
        """`headers` go with every request: the credentials of whose client it is."""
        self.port = port
        self.path = path
        self.headers = headers or {}
        self._timeout = timeout
        self._ca_file = ca_file
        self._certificate = certificate
        self._connection: http.client.HTTPConnection | None = None
        self._last_used = 0.0

    def register(self, topic: str) -> Answer:
        return self.control({"hub.mode": "register", "hub.topic": topic})

    def deregister(self, topic: str) -> Answer:
        return self.control({"hub.mode": "deregister", "hub.topic": topic})

    def subscribe(
        self,
        topic: str,
        callback: str,
        secret: str | None = None,
        lease_seconds: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> Answer:
        fields = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
        if secret is not None:
            fields["hub.secret"] = secret
        if lease_seconds is not None:
            fields["hub.lease_seconds"] = str(lease_seconds)
        return self.control(fields | (extra or {}))

    def unsubscribe(self, topic: str, callback: str, extra: dict[str, str] | None = None) -> Answer:
        fields = {"hub.mode": "unsubscribe", "hub.topic": topic, "hub.callback": callback}
        return self.control(fields | (extra or {}))

    def control(self, fields: dict[str, str] | list[tuple[str, str]], content_type: str = FORM) -> Answer:
        return self.request("POST", self.path, urlencode(fields).encode(), {"Content-Type": content_type})

    def publish(
        self,
        topic: str,
        body: bytes | Iterable[bytes],
        content_type: str | None = "text/plain",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A fat ping; a body given as an iterable of pieces is sent chunked."""
        target = f"{self.path}?hub.mode=publish&hub.topic={quote(topic, safe='')}"
        types = {"Content-Type": content_type} if content_type is not None else {}
        return self.request("POST", target, body, types | (headers or {}))

    def ping(self, *topics: str, name: str = "hub.url") -> Answer:
        """A light ping."""
        return self.control([("hub.mode", "publish"), *((name, topic) for topic in topics)])

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if time.monotonic() - self._last_used > self._REUSE_SECONDS:
            self.close()
        if self._connection is None:
            self._connection = open_connection(self.port, self._timeout, self._ca_file, self._certificate)
        try:
            sent = self._send(method, target, body, self.headers | (headers or {}))
            response = self._connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        except Exception:
            self.close()
            raise
        if not sent:
            self.close()
        self._last_used = time.monotonic()
        return answer

    def _send(self, method: str, target: str, body: bytes | Iterable[bytes] | None, headers: dict) -> bool:
        """False when the hub did not read it all, as it may when it refuses a body (413)."""
        try:
            self._connection.request(method, target, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            if self._connection.sock is None:
                raise
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send_raw(port: int, data: bytes, timeout: float = 20.0) -> Answer | None:
    """Sends bytes as they are; None when the connection was closed without an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        try:
            connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.getheaders(), response.read())
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            return None
