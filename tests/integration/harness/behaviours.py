"""What a scripted subscriber answers: small functions from a received request to a reply."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .subscriber import Received


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # sent instead of all that, and then the connection is closed


# None instead of a reply: the connection is closed without an answer.
Behaviour = Callable[["Received"], Reply | None]


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Behaviour:
    reply = Reply(status, body, headers or {})
    return lambda received: reply


def echo_challenge(received: "Received") -> Reply:
    """Confirms an intent, as the Recommendation asks."""
    return Reply(200, received.parameter("hub.challenge").encode())


def drop_connection(received: "Received") -> None:
    return None


def no_http(data: bytes) -> Behaviour:
    """Answers with bytes that are no answer in HTTP."""
    return lambda received: Reply(0, raw=data)


def slow(seconds: float, then: Behaviour) -> Behaviour:
    """Takes its time for each request."""

    def behave(received: "Received") -> Reply | None:
        time.sleep(seconds)
        return then(received)

    return behave


def first(count: int, behaviour: Behaviour, then: Behaviour) -> Behaviour:
    """Behaves one way for the first `count` requests, another way for all later ones."""
    lock = threading.Lock()
    left = [count]

    def behave(received: "Received") -> Reply | None:
        with lock:
            is_first = left[0] > 0
            left[0] -= 1
        return behaviour(received) if is_first else then(received)

    return behave


def hold(release: threading.Event, then: Behaviour, at_most: float = 120.0) -> Behaviour:
    """Leaves the request unanswered until `release` is set."""

    def behave(received: "Received") -> Reply | None:
        release.wait(at_most)
        return then(received)

    return behave
