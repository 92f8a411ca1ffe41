"""What goes wrong, and when: made from the seed alone, before anything runs."""

import random
from dataclasses import dataclass

KAFKA = "kafka"
EVERYBODY = "all subscribers"

PROGRAMS = ("hub-0", "hub-1", "consolidator-0", "consolidator-1", "dispatcher-0", "dispatcher-1")
# Most of what is promised hangs on dispatchers.
_PROGRAM_WEIGHTS = (2, 2, 3, 3, 6, 6)

# A broker needs seconds to come back, in which nothing else can be seen: fewer of these.
_KINDS = {"kill": 30, "terminate": 18, "stop": 22, "restart": 4, "crash": 5, "fail": 21}
_FAILURES = ("503", "500", "hang", "drop", "refuse")


@dataclass(frozen=True)
class Fault:
    """kill, terminate and stop hit a program; restart (clean) and crash (kill -9) hit Kafka; fail hits
    subscribers. It lasts from the first signal to the start, the SIGCONT, or the recovery."""

    kind: str
    victim: str
    seconds: float
    after: float = 0.0  # the beginning of its step
    how: str = ""  # a failure's: what storm-recorder is told

    def __str__(self) -> str:
        with_what = f" with {self.how}" if self.how else ""
        return f"{self.kind} {self.victim}{with_what} for {self.seconds:.1f} s"


@dataclass(frozen=True)
class Step:
    """Faults that begin together or nearly so, on different victims."""

    pause: float  # before it
    faults: tuple[Fault, ...]
    settles: bool  # whether deliveries must have gone on everywhere before the next step

    def __str__(self) -> str:
        faults = " | ".join(
            f"{fault}" + (f" (after {fault.after:.1f} s)" if fault.after else "") for fault in self.faults
        )
        return f"after {self.pause:.1f} s: {faults}" + ("" if self.settles else ", then on at once")


def make_plan(seed: int, faults: int, subscribers: int, session_timeout: float) -> list[Step]:
    """So many faults in steps of one or two."""
    chance = random.Random(seed)
    steps = []
    while faults > 0:
        step = _make_step(chance, faults, subscribers, session_timeout)
        faults -= len(step.faults)
        steps.append(step)
    return steps


def _make_step(chance: random.Random, at_most: int, subscribers: int, session_timeout: float) -> Step:
    first = _make_fault(chance, subscribers, session_timeout, 0.0)
    chosen = [first]
    if at_most > 1 and chance.random() < 0.3:
        second = first
        while second.victim == first.victim or {first.kind, second.kind} == {"fail"}:
            second = _make_fault(chance, subscribers, session_timeout, round(chance.uniform(0, 2), 1))
        chosen.append(second)
    return Step(round(chance.uniform(0.2, 2.0), 1), tuple(chosen), chance.random() < 0.7)


def _make_fault(chance: random.Random, subscribers: int, session_timeout: float, after: float) -> Fault:
    kind = chance.choices(list(_KINDS), _KINDS.values())[0]
    if kind in ("restart", "crash"):
        return Fault(kind, KAFKA, round(chance.uniform(0, 3), 1), after)
    if kind == "fail":
        victim = EVERYBODY if chance.random() < 0.3 else f"subscriber {chance.randrange(subscribers)}"
        return Fault(kind, victim, round(chance.uniform(0.5, 10), 1), after, chance.choice(_FAILURES))
    victim = chance.choices(PROGRAMS, _PROGRAM_WEIGHTS)[0]
    if kind == "stop":
        return Fault(kind, victim, round(session_timeout * chance.uniform(0.2, 2.5), 1), after)
    # Down: half of them for no time at all, as under a supervisor.
    return Fault(kind, victim, round(max(0.0, chance.uniform(-2, 2)), 1), after)
