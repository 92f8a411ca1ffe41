"""The judge: compares what publishers were told with what each subscriber got, in one pass.

For each subscription, that is subscriber and topic:
  lost        what was confirmed to the publisher was confirmed by the subscriber;
  order       and for the first time in the order in which it was published;
  duplicate   what the subscriber has confirmed comes again only if a fault explains it (explain.py);
  id          a message has the same id each time, the one that the publisher was told;
  signature   every delivery is signed with a secret of its subscription;
  stranger    nothing arrives that was not published; denied: no subscription is ended.
What the publisher was not told may arrive or not, and has no place in the order.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .explain import REMARKABLE
from .publishing import Ledger
from .recorder import DELIVERY, NO_SECRET, VERIFICATION, Record

# A broken installation has millions; the first ones tell.
_KEPT = 50_000

Explain = Callable[[int, int, int], str | None]


@dataclass(frozen=True)
class Problem:
    kind: str
    subscriber: int
    topic: int
    number: int
    at_ns: int
    text: str


@dataclass
class Verdict:
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)  # duplicates that are explained, but should not be
    counts: Counter = field(default_factory=Counter)  # of problems, by kind
    duplicates: Counter = field(default_factory=Counter)  # by what explains them
    confirmed: int = 0  # deliveries that subscribers confirmed
    failed: int = 0  # deliveries that they answered otherwise or not at all
    verifications: int = 0

    def add(self, kind: str, subscriber: int, topic: int, number: int, at_ns: int, text: str) -> None:
        self.counts[kind] += 1
        if len(self.problems) < _KEPT:
            self.problems.append(Problem(kind, subscriber, topic, number, at_ns, text))


class _Stream:
    """One subscription."""

    __slots__ = ("first_ns", "highest")

    def __init__(self, messages: int):
        self.first_ns = array("q", bytes(8 * (messages + 1)))  # when each was confirmed first; 0: never
        self.highest = 0  # of confirmed messages


def judge(records: Iterable[Record], ledgers: list[Ledger], subscribers: int, explain: Explain) -> Verdict:
    verdict = Verdict()
    ids = [[b"", *(told.message_id for told in ledger.told)] for ledger in ledgers]
    unconfirmed = [[told.message_id is None for told in ledger.told] for ledger in ledgers]
    streams = [[_Stream(len(ledger.told)) for ledger in ledgers] for _ in range(subscribers)]
    for at_ns, number, message_id, subscriber, topic, status, kind, secret in records:
        if kind == VERIFICATION:
            verdict.verifications += 1
            continue
        if kind != DELIVERY:
            verdict.add("denied", subscriber, topic, number, at_ns, "the subscription was ended")
            continue
        if topic >= len(ids) or number >= len(ids[topic]):
            verdict.add("stranger", subscriber, topic, number, at_ns, "nobody published it")
            continue
        if secret == NO_SECRET:
            verdict.add("signature", subscriber, topic, number, at_ns, "none of its secrets signed it")
        if number == 0:
            continue
        expected = ids[topic][number]
        if expected is None:
            ids[topic][number] = message_id  # the publisher does not know it: the first one counts
        elif message_id != expected:
            verdict.add(
                "id", subscriber, topic, number, at_ns, f"{message_id.hex()} instead of {expected.hex()}"
            )
        if not 200 <= status < 300:
            verdict.failed += 1
            continue
        verdict.confirmed += 1
        stream = streams[subscriber][topic]
        first_ns = stream.first_ns[number]
        if first_ns:
            reason = explain(subscriber, first_ns, at_ns)
            verdict.duplicates[reason or "nothing"] += 1
            text = f"again {(at_ns - first_ns) / 1e9:.3f} s after it was confirmed"
            if not reason:
                verdict.add("duplicate", subscriber, topic, number, at_ns, text)
            elif reason in REMARKABLE and len(verdict.remarks) < _KEPT:
                verdict.remarks.append(Problem(reason, subscriber, topic, number, at_ns, text))
            continue
        stream.first_ns[number] = at_ns
        if unconfirmed[topic][number - 1]:
            continue
        if number > stream.highest:
            stream.highest = number
        else:
            verdict.add("order", subscriber, topic, number, at_ns, f"first arrival after {stream.highest}")
    _find_losses(verdict, ledgers, streams)
    return verdict


def _find_losses(verdict: Verdict, ledgers: list[Ledger], streams: list[list[_Stream]]) -> None:
    for subscriber, of_subscriber in enumerate(streams):
        for ledger, stream in zip(ledgers, of_subscriber):
            for number, told in enumerate(ledger.told, 1):
                if told.message_id and not stream.first_ns[number]:
                    text = "confirmed to the publisher, never confirmed by the subscriber"
                    verdict.add("lost", subscriber, ledger.number, number, told.answered_ns, text)
