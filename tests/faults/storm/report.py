"""What a run prints: a summary, and the history around each problem."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from .clock import clock
from .judge import Problem
from .plan import KAFKA, Step
from .publishing import Ledger
from .recorder import DELIVERY, NO_SECRET, VERIFICATION, Record, read_records
from .run import Outcome

_SHOWN = 10  # histories; the rest is counted
_INCIDENT_GAP_NS = 5_000_000_000
_AROUND = 6  # arrivals before and after
_FAULTS_BEFORE_NS = 20_000_000_000
_FAULTS_AFTER_NS = 3_000_000_000

# --- the plan ---


def describe_plan(plan: list[Step]) -> Iterator[str]:
    yield f"plan: {sum(len(step.faults) for step in plan)} faults in {len(plan)} steps"
    for index, step in enumerate(plan, 1):
        yield f"  {index:3} {step}"


# --- the summary ---


def describe_outcome(outcome: Outcome) -> Iterator[str]:
    yield from _summary(outcome)
    for problem in outcome.problems:
        yield f"PROBLEM: {problem}"
    yield from _histories(outcome, outcome.verdict.problems + outcome.verdict.remarks)
    if not outcome.sound:
        yield f"logs and the record: {outcome.directory}"
    yield f"verdict: {'nothing lost, order kept, every duplicate explained' if outcome.sound else 'FAILED'}"


def _summary(outcome: Outcome) -> Iterator[str]:
    size, verdict = outcome.size, outcome.verdict
    sent = sum(len(ledger.told) for ledger in outcome.ledgers)
    confirmed = sum(ledger.confirmed for ledger in outcome.ledgers)
    rows = [
        ("seed", f"{size.seed}"),
        ("faults", _faults(outcome)),
        ("messages", f"{sent:,} sent, {confirmed:,} confirmed, {sent - confirmed:,} with an unknown outcome"),
        ("subscriptions", f"{size.subscribers} subscribers to {size.topics} topics each"),
        ("deliveries", f"{verdict.confirmed:,} confirmed, {verdict.failed:,} failed by the subscriber"),
        ("duplicates", _counted(verdict.duplicates)),
        ("recovery", _recovery(outcome)),
        ("SIGTERM", f"ended within {outcome.slowest_end:.2f} s"),
        ("renewals", _renewals(outcome)),
        ("time", f"{outcome.seconds:.0f} s, and {outcome.judging:.1f} s to judge"),
        ("problems", _counted(verdict.counts + Counter({"other": len(outcome.problems)}))),
    ]
    for name, value in rows:
        yield f"{name:14} {value}"


def _counted(counts: Counter) -> str:
    shown = [f"{count:,} {kind}" for kind, count in counts.most_common() if count]
    return f"{sum(counts.values()):,}" + (f": {', '.join(shown)}" if shown else "")


def _faults(outcome: Outcome) -> str:
    kinds = Counter()
    for one in outcome.happened:
        fault = one.fault
        program = fault.victim.partition("-")[0]
        kinds[fault.kind if fault.victim == KAFKA or fault.how else f"{fault.kind} {program}"] += 1
    return _counted(kinds)


def _recovery(outcome: Outcome) -> str:
    seen = [one for one in outcome.happened if one.recovered_ns]
    if not seen:
        return "not looked at"
    slowest = max(seen, key=lambda one: one.recovered_ns - one.ended_ns)
    seconds = (slowest.recovered_ns - slowest.ended_ns) / 1e9
    return f"at most {seconds:.1f} s until deliveries went on everywhere, after {slowest.fault}"


def _renewals(outcome: Outcome) -> str:
    renewals = outcome.renewals
    if not renewals:
        return "none"
    return (
        f"{renewals.renewed:,} verified, {renewals.with_new_secret:,} requests with a new secret,"
        f" {renewals.unanswered:,} asked for again; {outcome.verdict.verifications:,} verifications in all"
    )


# --- histories ---


@dataclass
class _Incident:
    """Problems of one kind that come close together; the first one tells what happened."""

    first: Problem
    last_ns: int
    count: int = 0
    subscriptions: set[tuple[int, int]] = field(default_factory=set)

    def add(self, problem: Problem) -> None:
        self.last_ns = problem.at_ns
        self.count += 1
        self.subscriptions.add((problem.subscriber, problem.topic))


def _incidents(problems: list[Problem]) -> list[_Incident]:
    found: list[_Incident] = []
    for problem in sorted(problems, key=lambda p: (p.kind, p.at_ns)):
        current = found[-1] if found else None
        if (
            not current
            or current.first.kind != problem.kind
            or problem.at_ns - current.last_ns > _INCIDENT_GAP_NS
        ):
            found.append(_Incident(problem, problem.at_ns))
        found[-1].add(problem)
    return found


def _histories(outcome: Outcome, problems: list[Problem]) -> Iterator[str]:
    incidents = _incidents(problems)
    shown = [incident.first for incident in incidents[:_SHOWN]]
    wanted = {(problem.subscriber, problem.topic) for problem in shown}
    arrivals: dict[tuple[int, int], list[Record]] = {place: [] for place in wanted}
    elsewhere: dict[tuple[int, int], list[Record]] = {(p.topic, p.number): [] for p in shown}
    for record in read_records(outcome.directory / "record") if shown else ():
        _, number, _, subscriber, topic, _, kind, _ = record
        if (subscriber, topic) in wanted:
            arrivals[subscriber, topic].append(record)
        if kind == DELIVERY and (topic, number) in elsewhere:
            elsewhere[topic, number].append(record)
    for incident in incidents[:_SHOWN]:
        problem = incident.first
        place = (problem.subscriber, problem.topic)
        others = [r for r in elsewhere[problem.topic, problem.number] if r[3] != problem.subscriber]
        yield from _history(outcome, problem, arrivals[place], others)
        yield (
            f"  in all {incident.count:,} such problems of {len(incident.subscriptions)} subscriptions"
            f" until {clock(incident.last_ns)}"
        )
    for incident in incidents[_SHOWN:]:
        yield f"{incident.first.kind} too at {clock(incident.first.at_ns)}: {incident.count:,} times"


def _history(
    outcome: Outcome, problem: Problem, arrivals: list[Record], elsewhere: list[Record]
) -> Iterator[str]:
    yield ""
    yield (
        f"{problem.kind.upper()}: subscriber {problem.subscriber}, topic {problem.topic},"
        f" message {problem.number} at {clock(problem.at_ns)}: {problem.text}"
    )
    if problem.topic < len(outcome.ledgers):
        ledger, callback = outcome.ledgers[problem.topic], outcome.callbacks[problem.subscriber]
        yield f"  subscription {_id(ledger.name, callback)} of {callback} to {ledger.name}"
        yield from _told(ledger, problem.number)
    yield f"  other subscribers: {_summed_up(elsewhere)}"
    places = [
        index
        for index, record in enumerate(arrivals)
        if record[1] == problem.number and record[6] == DELIVERY
    ]
    if not places:  # lost: where it should be
        later = (i for i, r in enumerate(arrivals) if r[6] == DELIVERY and r[1] > problem.number)
        places = list(islice(later, 1)) or [len(arrivals)]
    span = [problem.at_ns]
    for place in places[:4]:
        around = arrivals[max(0, place - _AROUND) : place + _AROUND + 1]
        span += [record[0] for record in around]
        yield "  the subscriber got:"
        for record in around:
            yield f"    {'>' if record[1] == problem.number else ' '} {_arrival(record)}"
    yield "  faults:"
    yield from _faults_between(outcome, min(span) - _FAULTS_BEFORE_NS, max(span) + _FAULTS_AFTER_NS)


def _id(topic: str, callback: str) -> str:
    """Of a subscription in the programs' logs and on Kafka (common/id.h)."""
    return hashlib.sha256(f"{topic}\n{callback}".encode()).hexdigest()[:32]


def _told(ledger: Ledger, number: int) -> Iterator[str]:
    yield "  the publisher was told:"
    for near in range(max(1, number - 2), min(len(ledger.told), number + 2) + 1):
        told = ledger.told[near - 1]
        answer = told.message_id.hex() if told.message_id else f"outcome unknown: {told.problem}"
        yield (
            f"    {'>' if near == number else ' '} {near} sent {clock(told.sent_ns)} to {told.hub},"
            f" answered {clock(told.answered_ns)}: {answer}"
        )


def _summed_up(arrivals: list[Record]) -> str:
    confirmed = sorted(r[0] for r in arrivals if 200 <= r[5] < 300)
    if not confirmed:
        return "none confirmed it"
    subscribers = len({r[3] for r in arrivals})
    return (
        f"{subscribers} got it, {len(confirmed)} times confirmed between"
        f" {clock(confirmed[0])} and {clock(confirmed[-1])}"
    )


def _arrival(record: Record) -> str:
    at_ns, number, message_id, _, _, status, kind, secret = record
    if kind == VERIFICATION:
        what = f"verification, lease {number} s"
    elif kind == DELIVERY:
        signed = "WRONG SIGNATURE" if secret == NO_SECRET else f"secret {secret}"
        what = f"message {number} {message_id.hex()} {signed}"
    else:
        what = "denial"
    return f"{clock(at_ns)} {what} -> {status or 'no answer'}"


def _faults_between(outcome: Outcome, begin_ns: int, end_ns: int) -> Iterator[str]:
    found = [one for one in outcome.happened if one.ended_ns >= begin_ns and one.began_ns <= end_ns]
    for one in found:
        yield f"    {one}"
    if not found:
        yield "    none near"
