"""Which fault explains that a message was confirmed by a subscriber and yet came again.

A dispatcher remembers what was confirmed by commits, one a second. So a fault that makes it forget
repeats what was confirmed shortly BEFORE the fault; what was confirmed after it, the next owner knows.
The rules say which faults forget, and how far back:

  dispatcher killed, or stopped     what was confirmed since the last commit
    past its session time-out
  Kafka away                        the same, and what was confirmed while nothing could be committed
  a subscriber closes its port      what it confirmed on connections that went down with it
  dispatcher terminated             nothing: a planned hand-over. Counted, and told apart
  hub, consolidator, short stops,   nothing
    other failures of subscribers

Commits are held back while a subscription of the same shard fails (until it is detached), and
detaching needs consolidators and Kafka. So a fault reaches further back if one of these was going on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from .injector import Happened
from .plan import EVERYBODY

_SECOND = 1_000_000_000

# The explanation of what was repeated although nothing was lost by surprise.
PLANNED = "planned hand-over"


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


class Explanations:
    """Made from the log of faults, when all have ended."""

    def __init__(self, happened: Iterable[Happened], times: Times):
        self._times = times
        self._log = sorted(happened, key=lambda event: event.began_ns)
        windows = [window for event in self._log if (window := self._window(event))]
        # A crash explains before a planned hand-over does.
        self._unplanned = sorted(
            (window for window in windows if window.kind != PLANNED), key=lambda w: w.first_from
        )
        self._planned = [window for window in windows if window.kind == PLANNED]
        self._starts = [window.first_from for window in self._unplanned]
        self._longest = max((w.first_to - w.first_from for w in self._unplanned), default=0)

    def explain(self, subscriber: int, first_ns: int, again_ns: int) -> str | None:
        """The kind of the latest fault that explains it, or None."""
        end = bisect_right(self._starts, first_ns)
        for index in range(end - 1, bisect_left(self._starts, first_ns - self._longest) - 1, -1):
            if self._unplanned[index].explains(subscriber, first_ns, again_ns):
                return self._unplanned[index].kind
        if any(window.explains(subscriber, first_ns, again_ns) for window in self._planned):
            return PLANNED
        return None

    def _window(self, event: Happened) -> Window | None:
        fault, slack = event.fault, int(self._times.slack * _SECOND)
        begin, end = event.began_ns, event.ended_ns
        again_to = end + int(self._times.recovery * _SECOND)
        is_dispatcher = fault.victim.startswith("dispatcher")
        if fault.kind in ("restart", "crash"):
            rejoined = end + int(self._times.session * _SECOND) + slack
            return Window(f"Kafka {fault.kind}", self._reach(begin), rejoined, begin, again_to)
        if fault.kind == "fail" and fault.how == "refuse":
            whom = None if fault.victim == EVERYBODY else int(fault.victim.split()[1])
            return Window("subscriber closed", begin - slack, end, begin, again_to, whom)
        if is_dispatcher and fault.kind == "kill":
            return Window("dispatcher kill", self._reach(begin), begin + slack // 4, begin, again_to)
        if is_dispatcher and fault.kind == "stop" and self._loses_membership(event):
            return Window("dispatcher stop", self._reach(begin), begin + slack // 4, begin, again_to)
        if is_dispatcher and fault.kind == "terminate":
            return Window(PLANNED, self._reach(begin), end, begin, again_to)
        return None

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


def _holds_back(event: Happened) -> bool:
    kind, victim = event.fault.kind, event.fault.victim
    return kind in ("fail", "restart", "crash") or victim.startswith("consolidator")
