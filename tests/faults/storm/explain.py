"""Which fault explains that a message was confirmed by a subscriber and yet came again.

A dispatcher remembers what was confirmed by commits, one a second. So a fault that makes it forget
repeats what was confirmed shortly BEFORE the fault; what was confirmed after it, the next owner knows.
The rules say which faults forget, and how far back:

  dispatcher killed, or stopped     what was confirmed since the last commit
    past its session time-out
  Kafka away                        the same, and what was confirmed while nothing could be committed
  a subscriber closes its port      what it confirmed on connections that went down with it
  a subscriber hangs                what it confirms at last, just when the dispatcher's patience is over
  hub, consolidator, short stops,   nothing
    other failures of subscribers

Shards are handed over by plan when a dispatcher is terminated, and when one comes back. Then the positions
of those who are ahead are events, which the next owner awaits for some seconds:

  consolidator or Kafka away        what was confirmed since: the next owner does not learn of it
    during a hand-over

Two more are explained, but should hardly happen. They are counted apart and shown:

  planned hand-over                 what was confirmed before it: it should repeat nothing
  dispatcher wakes up from a stop   what it sends then: all but what was on its way already

Commits are held back while a subscription of the same shard fails (until it is detached), and
detaching needs consolidators and Kafka. So a fault reaches further back if one of these was going on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .injector import Happened
from .plan import EVERYBODY, KAFKA

_SECOND = 1_000_000_000

NO_EVENTS = "hand-over without events"
PLANNED = "planned hand-over"
WOKEN = "dispatcher that woke up"
REMARKABLE = (WOKEN, PLANNED)


@dataclass(frozen=True)
class Times:
    """Of the installation under test, in seconds."""

    session: float
    detach_after: float
    commit: float = 1.0
    # A busy machine: snapshots, commits and heartbeats come late.
    slack: float = 2.0
    # Until everything that a fault holds up has been delivered again, at most.
    recovery: float = 60.0


@dataclass(frozen=True)
class Window:
    """Explains duplicates whose first confirmation and whose return are in these spans."""

    kind: str
    first_from: int
    first_to: int
    again_from: int
    again_to: int
    subscriber: int | None = None  # None: any

    def explains(self, subscriber: int, first_ns: int, again_ns: int) -> bool:
        return (
            self.first_from <= first_ns <= self.first_to
            and self.again_from <= again_ns <= self.again_to
            and self.subscriber in (None, subscriber)
        )


class _Index:
    """Windows by the beginning of their first span."""

    def __init__(self, windows: Iterable[Window]):
        self._windows = sorted(windows, key=lambda window: window.first_from)
        self._starts = [window.first_from for window in self._windows]
        self._longest = max((w.first_to - w.first_from for w in self._windows), default=0)

    def find(self, subscriber: int, first_ns: int, again_ns: int) -> Window | None:
        """The latest that explains it."""
        begin = bisect_left(self._starts, first_ns - self._longest)
        for index in range(bisect_right(self._starts, first_ns) - 1, begin - 1, -1):
            if self._windows[index].explains(subscriber, first_ns, again_ns):
                return self._windows[index]
        return None


class Explanations:
    """Made from the log of faults, when all have ended."""

    def __init__(self, happened: Iterable[Happened], times: Times):
        self._times = times
        self._log = sorted(happened, key=lambda event: event.began_ns)
        windows = [window for event in self._log for window in self._windows(event)]
        # Whatever else explains it, a crash does so better.
        weaker = (NO_EVENTS, *REMARKABLE)
        self._indexes = [_Index(window for window in windows if window.kind not in weaker)]
        self._indexes += [_Index(window for window in windows if window.kind == kind) for kind in weaker]

    def explain(self, subscriber: int, first_ns: int, again_ns: int) -> str | None:
        """The kind of a fault that explains it, or None."""
        for index in self._indexes:
            if window := index.find(subscriber, first_ns, again_ns):
                return window.kind
        return None

    def _windows(self, event: Happened) -> Iterator[Window]:
        fault, slack = event.fault, int(self._times.slack * _SECOND)
        begin, end = event.began_ns, event.ended_ns
        again_to = end + int(self._times.recovery * _SECOND)
        # What was on its way at the moment of the fault arrives a little later.
        soon = slack // 4
        since = self._reach(begin)
        if fault.kind in ("restart", "crash"):
            rejoined = end + int(self._times.session * _SECOND) + slack
            yield Window(f"Kafka {fault.kind}", since, rejoined, begin, again_to)
        if fault.kind == "fail" and fault.how == "refuse":
            whom = None if fault.victim == EVERYBODY else int(fault.victim.split()[1])
            yield Window("subscriber closed", begin - slack, end, begin, again_to, whom)
        if fault.kind == "fail" and fault.how == "hang":
            whom = None if fault.victim == EVERYBODY else int(fault.victim.split()[1])
            yield Window("answer that came too late", begin, end + soon, begin, end + soon, whom)
        if not fault.victim.startswith("dispatcher"):
            return
        if fault.kind == "kill":
            yield Window("dispatcher kill", since, begin + soon, begin, again_to)
        if fault.kind == "stop":
            if not self._loses_membership(event):
                return
            yield Window("dispatcher stop", since, begin + soon, begin, again_to)
            woken = end - soon // 10  # its end is written down a little later than it wakes up
            yield Window(WOKEN, woken, end + soon, woken, again_to)
            yield Window(WOKEN, since, end + soon, woken, end + soon)
        rejoined = end + int((self._times.session + 2 * self._times.slack) * _SECOND)
        kind = NO_EVENTS if self._no_events(begin, rejoined) else PLANNED
        yield Window(kind, since, rejoined, begin, again_to)

    def _no_events(self, begin_ns: int, end_ns: int) -> bool:
        """Whether positions that are written as events may not have reached the state in time."""
        return any(
            _holds_events(event) and event.began_ns < end_ns and event.ended_ns > begin_ns
            for event in self._log
        )

    def _loses_membership(self, event: Happened) -> bool:
        """The last heartbeat may have been a quarter of the time-out before, and more on a busy machine."""
        return event.ended_ns - event.began_ns > self._times.session * 0.6 * _SECOND

    def _reach(self, begin_ns: int) -> int:
        """Since when what was confirmed before a fault may not have been committed."""
        usual = int((self._times.commit + self._times.slack) * _SECOND)
        held_back = int((self._times.detach_after + self._times.slack) * _SECOND)
        since = begin_ns - usual
        for event in self._log:
            if event.began_ns < begin_ns and event.ended_ns + held_back > since and _holds_back(event):
                since = min(since, event.began_ns - usual)
        return since


def _holds_events(event: Happened) -> bool:
    return event.fault.victim == KAFKA or event.fault.victim.startswith("consolidator")


def _holds_back(event: Happened) -> bool:
    return event.fault.kind == "fail" or _holds_events(event)
