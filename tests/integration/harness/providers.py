"""Stand-ins for services of the operator's that the hub asks: an introspection endpoint (RFC 7662), MOSIP's
auth service, a policy service. Each answers as the real one does, unless it is told to be in trouble."""

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs, unquote_plus, urlsplit

from . import planted
from .behaviours import Behaviour, Reply, answer, drop_connection, no_http
from .hub_client import Answer, HubClient
from .subscriber import Received, Subscriber
from .suite import Suite

_numbers = itertools.count(1)

HOUR = 3600


def new_token(name: str = "token") -> str:
    """A token that nobody has seen yet, and that must never be logged."""
    return f"{planted.secret(name)}-{next(_numbers)}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie(token: str) -> dict[str, str]:
    """As MOSIP's clients show a token."""
    return {"Cookie": f"Authorization={token}"}


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


# What a service may do that tells nothing about a token or a request.
TROUBLE: dict[str, Behaviour] = {
    "500": answer(500, b"{}"),
    "503": answer(503, b"{}"),
    "404": answer(404, b"{}"),
    "redirect": answer(302, headers={"Location": "/elsewhere"}),
    "empty": answer(200),
    "HTML": answer(200, b"<html><body>Welcome</body></html>"),
    "a list": answer(200, b"[true]"),
    "an empty object": answer(200, b"{}"),
    "half an answer": no_http(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"active": true,'),
    "no HTTP": no_http(b"220 mail.example ESMTP\r\n"),
    "hangs up": drop_connection,
    "too large": answer(200, b'{"active": true, "padding": "' + b"x" * (2 << 20) + b'"}'),
}


class Service(Subscriber):
    """A server whose subclasses answer; `trouble` answers instead while it is set. Counts requests."""

    def __init__(self) -> None:
        self.trouble: Behaviour | None = None
        self._received: list[Received] = []
        self._received_lock = threading.Lock()
        super().__init__()

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, received: Received) -> Reply | None:
        raise NotImplementedError

    def handle(self, received: Received) -> Reply | None:
        with self._received_lock:  # see Endpoint.handle
            behave = self.trouble or self.answer
            self._received.append(received)
        reply = behave(received)
        received.status = reply.status if reply else None
        return reply

    def requests(self) -> list[Received]:
        with self._received_lock:
            return list(self._received)

    def requests_about(self, text: str) -> list[Received]:
        """Those that show the token, or name the topic."""
        return [r for r in self.requests() if text.encode() in r.body or text in str(r.headers)]

    def recover(self) -> None:
        """Ends all trouble."""
        self.trouble = None
        if self._server is None:
            self.start()


class Introspection(Service):
    """An authorisation server's introspection endpoint at /introspect, for one client."""

    CLIENT_ID = "the hub: 100%"
    CLIENT_SECRET = planted.secret("client +secret/é:")

    def __init__(self) -> None:
        self._claims: dict[str, dict] = {}
        super().__init__()

    def issue(self, **claims: object) -> str:
        """A token that is active with these claims; None leaves one of the usual ones out."""
        token = new_token()
        usual = {"active": True, "sub": "ann", "scope": "read", "exp": int(time.time()) + HOUR}
        self._claims[token] = {name: value for name, value in (usual | claims).items() if value is not None}
        return token

    def accept(self, token: str) -> None:
        """Has a token of the test's own be good."""
        self._claims[token] = {"active": True, "sub": "ann"}

    def revoke(self, token: str) -> None:
        del self._claims[token]

    def answer(self, received: Received) -> Reply | None:
        if received.method != "POST" or urlsplit(received.target).path != "/introspect":
            return Reply(404)
        if self._client(received) != (self.CLIENT_ID, self.CLIENT_SECRET):
            return json_reply({"error": "invalid_client"}, 401)
        fields = parse_qs(received.body.decode())
        if fields.get("token_type_hint") != ["access_token"] or len(fields.get("token", [])) != 1:
            return json_reply({"error": "invalid_request"}, 400)
        return json_reply(self._claims.get(fields["token"][0], {"active": False}))

    @staticmethod
    def _client(received: Received) -> tuple[str, ...]:
        """RFC 6749, section 2.3.1."""
        scheme, _, value = (received.header("Authorization") or "").partition(" ")
        if scheme != "Basic":
            return ()
        return tuple(unquote_plus(part) for part in base64.b64decode(value).decode().split(":", 1))


class MosipAuth(Service):
    """MOSIP's kernel auth service: its call that validates the token in a cookie."""

    PATH = "/v1/authmanager/authorize/admin/validateToken"

    def __init__(self) -> None:
        self._users: dict[str, dict] = {}
        super().__init__()

    def issue(self, user: str, *roles: str) -> str:
        token = new_token()
        self._users[token] = {
            "userId": user,
            "mobile": None,
            "mail": f"{user}@partner.example",
            "langCode": None,
            "userPassword": None,
            "name": user,
            "role": ",".join(roles),
            "token": token,
            "rId": None,
        }
        return token

    def revoke(self, token: str) -> None:
        del self._users[token]

    @staticmethod
    def error(code: str, message: str, status: int = 200) -> Reply:
        wrapped = {"response": None, "errors": [{"errorCode": code, "message": message}]}
        return json_reply(MosipAuth._envelope() | wrapped, status)

    @staticmethod
    def _envelope() -> dict:
        return {
            "id": None,
            "version": None,
            "responsetime": "2026-01-01T00:00:00.000Z",
            "metadata": None,
            "response": None,
            "errors": None,
        }

    def answer(self, received: Received) -> Reply | None:
        if received.method != "GET" or received.target != self.PATH:
            return Reply(404)
        name, _, token = (received.header("Cookie") or "").partition("=")
        if name != "Authorization":
            return self.error("KER-ATH-006", "Cookies are empty")
        if token not in self._users:
            return self.error("KER-ATH-401", "Authentication Failed : Invalid Token :", 401)
        return json_reply(self._envelope() | {"response": self._users[token]})


class PolicyService(Service):
    """A policy with Open Policy Agent's data API; `decide` gets the input and returns the result."""

    def __init__(self) -> None:
        self.decide: Callable[[dict], object] = lambda question: True
        super().__init__()

    def questions(self, topic: str) -> list[dict]:
        """What was asked about a topic."""
        inputs = [json.loads(r.body)["input"] for r in self.requests()]
        return [question for question in inputs if question["topic"] == topic]

    def answer(self, received: Received) -> Reply | None:
        assert received.header("Content-Type") == "application/json"
        return json_reply({"result": self.decide(json.loads(received.body)["input"])})


def check_unauthorized(refused: Answer, reason: str) -> None:
    """401 with a challenge (RFC 6750, section 3) that tells why."""
    refused.check_denied(401)
    assert reason in refused.reason, refused
    challenge = refused.header("WWW-Authenticate") or ""
    assert challenge.startswith('Bearer realm="websub", error="invalid_token"'), refused
    assert reason.replace('"', "'") in challenge, refused


def check_missing(refused: Answer) -> None:
    """401 with a challenge that names no error: there were no credentials."""
    refused.check_denied(401)
    assert refused.header("WWW-Authenticate") == 'Bearer realm="websub"', refused


def check_unavailable(refused: Answer) -> None:
    """503: the client may try again with the same token. What ails the provider is not its business."""
    refused.check_denied(503)
    assert refused.header("Retry-After"), refused
    assert refused.reason == "the token cannot be checked now; try again later", refused


class Clients:
    """Clients of one hub, each with a connection and credentials of its own; closed together."""

    def __init__(self, suite: Suite, index: int = 0):
        self._suite = suite
        self._index = index
        self._open: list[HubClient] = []

    def __call__(self, headers: dict[str, str] | None = None) -> HubClient:
        client = self._suite.hub(self._index, headers)
        self._open.append(client)
        return client

    def close(self) -> None:
        for client in self._open:
            client.close()
