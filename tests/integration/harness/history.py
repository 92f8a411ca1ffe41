"""The history of one topic: what was confirmed to the publisher against what each subscriber got.

The invariants, for a publisher that sends one message after the other and repeats none:
  1. every message that was answered with success arrives (nothing lost);
  2. confirmed messages arrive for the first time in the order in which they were published;
  3. a message arrives twice only if a fault lies between or shortly before the two arrivals;
  4. all arrivals of a message carry the id that the publisher was told.
A message whose outcome the publisher does not know (error, time-out) may arrive or not, and as its
place in the order is not known either, only 3 and 4 hold for it.
"""

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from . import planted
from .subscriber import Endpoint, Received
from .wait import wait_for

# After a fault, work that was under way is repeated: arrivals up to this long before it or after it.
FAULT_WINDOW = 20.0

_SEQUENCE = re.compile(rb" message (\d+)$")


@dataclass(frozen=True)
class Arrival:
    sequence: int
    message_id: str | None
    at: float


@dataclass(frozen=True)
class Fault:
    what: str
    at: float


def find_problems(
    confirmed: dict[int, str], arrivals: list[Arrival], faults: Iterable[Fault] = ()
) -> list[str]:
    """Checks the four invariants for one subscriber; confirmed maps sequence numbers to message ids."""
    problems = []
    first: dict[int, Arrival] = {}
    highest: Arrival | None = None
    for arrival in arrivals:
        before = first.setdefault(arrival.sequence, arrival)
        if before is not arrival:
            if not any(_explains(fault, before, arrival) for fault in faults):
                problems.append(f"{arrival.sequence} arrived again without a fault")
            if before.message_id != arrival.message_id:
                problems.append(
                    f"{arrival.sequence} arrived with two ids, {before.message_id} and {arrival.message_id}"
                )
        elif arrival.sequence in confirmed:
            if highest and arrival.sequence < highest.sequence:
                problems.append(f"{arrival.sequence} arrived for the first time after {highest.sequence}")
            else:
                highest = arrival
    for sequence, message_id in confirmed.items():
        if sequence not in first:
            problems.append(f"{sequence} was confirmed and is lost")
        elif first[sequence].message_id != message_id:
            problems.append(
                f"{sequence} was confirmed as {message_id} but arrived as {first[sequence].message_id}"
            )
    return problems


def _explains(fault: Fault, earlier: Arrival, later: Arrival) -> bool:
    return earlier.at - FAULT_WINDOW <= fault.at <= later.at


class History:
    """Recorded by publishers and faults, compared with endpoints; may be used by several threads."""

    def __init__(self, topic: str):
        self.topic = topic
        self._lock = threading.Lock()
        self._next = 1
        self._confirmed: dict[int, str] = {}
        self._unknown: dict[int, str] = {}
        self._faults: list[Fault] = []
        self._began = time.monotonic()

    def next_message(self) -> tuple[int, bytes]:
        """A new sequence number and the body that carries it."""
        with self._lock:
            sequence = self._next
            self._next += 1
        return sequence, planted.payload(f"{self.topic} message {sequence}")

    def confirm(self, sequence: int, message_id: str) -> None:
        with self._lock:
            self._confirmed[sequence] = message_id

    def doubt(self, sequence: int, why: str) -> None:
        """The publisher was not told that the message is accepted."""
        with self._lock:
            self._unknown[sequence] = why

    def fault(self, what: str) -> None:
        with self._lock:
            self._faults.append(Fault(what, time.monotonic()))

    @property
    def confirmed_count(self) -> int:
        with self._lock:
            return len(self._confirmed)

    def confirmed(self) -> dict[int, str]:
        """Message ids by sequence number."""
        with self._lock:
            return dict(self._confirmed)

    def wait_arrived(self, *endpoints: Endpoint, timeout: float = 90.0) -> None:
        """Waits until all that was confirmed when it was called has arrived, then checks the invariants for
        that much: publishing may go on meanwhile."""
        with self._lock:
            confirmed = dict(self._confirmed)

        def missing() -> dict[str, int]:
            gaps = {
                e.path: len(confirmed.keys() - {a.sequence for a in self._arrivals(e)}) for e in endpoints
            }
            return {path: gap for path, gap in gaps.items() if gap}

        try:
            wait_for(lambda: not missing(), lambda: f"everything arrived: {missing()}", timeout, pause=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._report(confirmed, endpoints)}") from None
        self._check(confirmed, endpoints)

    def check(self, *endpoints: Endpoint) -> None:
        """Checks the invariants for everything that has been confirmed by now."""
        with self._lock:
            confirmed = dict(self._confirmed)
        self._check(confirmed, endpoints)

    def _check(self, confirmed: dict[int, str], endpoints: Iterable[Endpoint]) -> None:
        with self._lock:
            faults = list(self._faults)
        if any(find_problems(confirmed, self._arrivals(endpoint), faults) for endpoint in endpoints):
            raise AssertionError(self._report(confirmed, endpoints))

    def report(self, *endpoints: Endpoint) -> str:
        """Enough to see what went wrong: faults, outcomes unknown, and the arrivals around each problem."""
        with self._lock:
            confirmed = dict(self._confirmed)
        return self._report(confirmed, endpoints)

    def _report(self, confirmed: dict[int, str], endpoints: Iterable[Endpoint]) -> str:
        with self._lock:
            faults, unknown = list(self._faults), dict(self._unknown)
        lines = [f"topic {self.topic}: {len(confirmed)} confirmed, {len(unknown)} with an unknown outcome"]
        lines += [f"  fault at {self._clock(fault.at)}: {fault.what}" for fault in faults]
        lines += [f"  unknown {sequence}: {why}" for sequence, why in sorted(unknown.items())[:40]]
        for endpoint in endpoints:
            arrivals = self._arrivals(endpoint)
            problems = find_problems(confirmed, arrivals, faults)
            repeated = len(arrivals) - len({arrival.sequence for arrival in arrivals})
            lines.append(
                f"  {endpoint.path}: {len(arrivals)} arrivals, {repeated} repeated, {len(problems)} problems"
            )
            for problem in problems[:20]:
                lines.append(f"    {problem}{self._context(arrivals, int(problem.split()[0]))}")
        return "\n".join(lines)

    def _context(self, arrivals: list[Arrival], sequence: int) -> str:
        """The arrivals just before and after those of one message, or around where it should be."""
        places = [i for i, a in enumerate(arrivals) if a.sequence == sequence] or [
            i for i, a in enumerate(arrivals) if a.sequence > sequence
        ][:1]
        around = [
            " ".join(f"{a.sequence}@{self._clock(a.at)}" for a in arrivals[max(0, place - 4) : place + 5])
            for place in places[:3]
        ]
        return "".join(f"\n      … {line} …" for line in around)

    def _clock(self, at: float) -> str:
        return f"{at - self._began:.3f}"

    @staticmethod
    def _arrivals(endpoint: Endpoint) -> list[Arrival]:
        return [
            Arrival(_sequence(received), received.message_id, received.at)
            for received in endpoint.deliveries()
        ]


def _sequence(received: Received) -> int:
    match = _SEQUENCE.search(received.body)
    assert match, f"not a message of a history: {received}"
    return int(match.group(1))
