"""Publishers that go on whatever happens, and what each was told of every message."""

import http.client
import itertools
import threading
import time
import uuid
from dataclasses import dataclass

from harness import planted
from harness.hub_client import HubClient
from harness.suite import Suite

# A hub that stands still is given up: the outcome is unknown then, and the next hub is asked.
_PATIENCE = 4.0


@dataclass(frozen=True)
class Told:
    """What the publisher knows of one message."""

    sent_ns: int
    answered_ns: int
    hub: str
    message_id: bytes | None  # None: it was not confirmed, so it may arrive or not
    problem: str = ""


class Ledger:
    """One topic's messages. Their numbers begin with 1; 0 is a warm-up (run.py)."""

    def __init__(self, number: int, name: str):
        self.number = number
        self.name = name
        self.told: list[Told] = []  # the message n at n - 1; appended to by its publisher only
        self.last_confirmed = 0
        self.confirmed = 0

    def add(self, told: Told) -> None:
        self.told.append(told)
        if told.message_id:
            self.confirmed += 1
            self.last_confirmed = len(self.told)

    def body(self, number: int) -> bytes:
        return f"{self.number} {number} ".encode() + planted.payload("." * 150)


class Pace:
    """How fast messages go out, such that they last as long as the faults."""

    def __init__(self, messages: int, slowest: float, fastest: float):
        self._messages = messages
        self._slowest, self._fastest = slowest, fastest
        self.per_second = slowest

    def adapt(self, sent: int, seconds_left: float) -> None:
        """Called now and then with how many were sent and how long the faults will still take."""
        wanted = (self._messages - sent) / max(seconds_left, 1.0)
        self.per_second = min(max(wanted, self._slowest), self._fastest)


class Publisher:
    """One topic's: one message after the other, so that their order is defined; a thread of its own."""

    def __init__(self, ledger: Ledger, suite: Suite, pace: Pace, topics: int):
        self.ledger = ledger
        names = [name for name, program in suite.programs.items() if program.kind == "hub"]
        hubs = [(name, HubClient(suite[name].port, timeout=_PATIENCE)) for name in names]
        # Topics begin with different hubs.
        self._hubs = itertools.islice(itertools.cycle(hubs), ledger.number % len(hubs), None)
        self._pace = pace
        self._topics = topics
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"publisher {ledger.number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the last message has been answered or given up."""
        self._ending.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a publish was not answered within a minute"

    def _run(self) -> None:
        name, hub = next(self._hubs)
        due = time.monotonic()
        while not self._ending.is_set():
            told = self._publish(name, hub)
            self.ledger.add(told)
            if not told.message_id:
                name, hub = next(self._hubs)
            # Time that was lost to an outage is not made up for: the pace adapts.
            due = max(due + self._topics / self._pace.per_second, time.monotonic() - 0.1)
            self._ending.wait(max(0.0, due - time.monotonic()))

    def _publish(self, name: str, hub: HubClient) -> Told:
        body = self.ledger.body(len(self.ledger.told) + 1)
        sent_ns = time.monotonic_ns()
        message_id, problem = None, ""
        try:
            answer = hub.publish(self.ledger.name, body)
        except (OSError, http.client.HTTPException) as error:
            problem = repr(error)
        else:
            if answer.status == 200:
                message_id = uuid.UUID(answer.message_id).bytes
            else:
                problem = f"{answer.status} {answer.reason}"
        return Told(sent_ns, time.monotonic_ns(), name, message_id, problem)
