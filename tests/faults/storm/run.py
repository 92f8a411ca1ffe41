"""One run of the storm: an installation, publishers, subscribers and renewals, and the faults of a plan."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.kafka import KafkaBroker
from harness.suite import Suite
from harness.wait import wait_for

from .explain import Explanations, Times
from .injector import Happened, Injector
from .judge import Verdict, judge
from .plan import Step, make_plan
from .publishing import Ledger, Pace, Publisher
from .recorder import Progress, Recorder, read_records
from .renewals import Renewals

# After a fault, deliveries must go on everywhere within this; at the end, all must have arrived.
RECOVERED_WITHIN = 60.0
DRAINED_WITHIN = 120.0

# What a step takes on average besides its pauses and faults, until the run knows better.
_SETTLING = 4.0


@dataclass(frozen=True)
class Size:
    """How much of everything; `seed` decides the rest."""

    seed: int
    faults: int
    messages: int
    subscribers: int  # each subscribes to every topic
    topics: int
    leases: tuple[int, int] = (60, 120)  # seconds: the shortest and the longest
    session_timeout: float = 3.0
    detach_after: float = 2.0
    fastest: float = 300.0  # messages a second, at most
    log_level: str = "info"


@dataclass
class Outcome:
    """What the report (report.py) tells of."""

    size: Size
    directory: Path
    began_ns: int
    callbacks: list[str]
    ledgers: list[Ledger] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)  # other than those of the verdict
    renewals: Renewals | None = None
    slowest_end: float = 0.0
    seconds: float = 0.0
    judging: float = 0.0

    @property
    def sound(self) -> bool:
        return not self.problems and not self.verdict.counts


class Storm:
    """Everything of one run, made in `directory`: Kafka's data, logs, the record. Use `run`."""

    def __init__(self, size: Size, directory: Path, say: Callable[[str], None]):
        self._size = size
        self._say = say
        self.plan = make_plan(size.seed, size.faults, size.subscribers, size.session_timeout)
        self._broker = KafkaBroker(directory / "kafka")
        self._suite = Suite(
            self._broker.bootstrap,
            directory,
            "storm-",
            hubs=2,
            consolidators=2,
            dispatchers=2,
            settings={
                "WEBSUB_KAFKA_SESSION_TIMEOUT": f"{size.session_timeout * 1000:.0f}ms",
                "WEBSUB_DISPATCHER_DETACH_AFTER": f"{size.detach_after * 1000:.0f}ms",
                # Shorter than many failures of subscribers: what hangs is given up and tried again.
                "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": "5s",
                "WEBSUB_LOG_LEVEL": size.log_level,
            },
        )
        self._recorder = Recorder(directory, size.subscribers)
        self._injector = Injector(self._suite, self._broker, self._recorder)
        self._ledgers = [
            Ledger(number, f"http://publisher.example/storm/{number}") for number in range(size.topics)
        ]
        self._pace = Pace(size.messages, size.topics * 2.0, size.fastest)
        self._publishers = [
            Publisher(ledger, self._suite, self._pace, size.topics) for ledger in self._ledgers
        ]
        callbacks = [self._recorder.callback(subscriber) for subscriber in self._recorder.subscribers]
        self._outcome = Outcome(size, directory, time.monotonic_ns(), callbacks, self._ledgers)

    def run(self) -> Outcome:
        """Never raises for what the programs did wrong: the outcome tells."""
        outcome = self._outcome
        try:
            self._broker.start()
            with self._recorder, self._suite:
                self._suite.start()
                self._progress = Progress(self._recorder.path)
                try:
                    self._run()
                except AssertionError as failure:
                    outcome.problems.append(str(failure))
                outcome.problems += self._suite.new_problems()
        except AssertionError as failure:
            # From Suite's end: a program did not stop cleanly, or its log tells of a problem.
            outcome.problems.append(str(failure))
        finally:
            self._broker.stop()
        outcome.seconds = (time.monotonic_ns() - outcome.began_ns) / 1e9
        outcome.happened = self._injector.happened
        outcome.problems += self._injector.problems
        outcome.slowest_end = self._injector.slowest_end
        self._judge()
        return outcome

    # --- the run ---

    def _run(self) -> None:
        self._renewals = Renewals(
            self._suite,
            self._recorder,
            self._progress,
            [ledger.name for ledger in self._ledgers],
            self._size.leases,
            self._size.seed,
        )
        self._outcome.renewals = self._renewals
        self._subscribe()
        self._say(f"{len(self._renewals.subscriptions)} subscriptions are served; the faults begin")
        self._renewals.start()
        for publisher in self._publishers:
            publisher.start()
        try:
            self._perform_plan()
            self._publish_the_rest()
        except AssertionError as failure:
            # What arrives all the same, and what does not, belongs to the history.
            self._outcome.problems.append(str(failure))
            self._say(f"{failure}")
        for publisher in self._publishers:
            publisher.stop()
        self._say(f"{self._sent()} messages sent; waiting for what is under way")
        self._wait_all_arrived()
        self._renewals.stop()

    def _subscribe(self) -> None:
        """Returns when every subscription has got a warm-up: what is published from now on is owed."""
        hub = self._suite.hub()
        for ledger in self._ledgers:
            hub.register(ledger.name).check_accepted()
        self._renewals.subscribe_all()
        places = {subscription.place for subscription in self._renewals.subscriptions}

        def all_of(seen: Callable[[], set]) -> bool:
            self._progress.follow()
            return places <= seen()

        verified = self._progress.verified_ns
        wait_for(lambda: all_of(verified.keys), lambda: f"verified: {len(verified)} of {len(places)}", 60)

        def warmed_up() -> bool:
            for ledger in self._ledgers:
                hub.publish(ledger.name, ledger.body(0)).check_accepted()
            return all_of(lambda: self._progress.warmed_up)

        warm = self._progress.warmed_up
        wait_for(warmed_up, lambda: f"served: {len(warm)} of {len(places)}", 60, pause=0.2)
        hub.close()

    def _perform_plan(self) -> None:
        began = time.monotonic()
        for index, step in enumerate(self.plan):
            self._adapt_pace(index, time.monotonic() - began)
            self._say(f"{index + 1}/{len(self.plan)} {step}")
            time.sleep(step.pause)  # part of the plan, as are the durations of faults
            happened = self._injector.perform(step)
            if step.settles or step is self.plan[-1]:
                self._wait_recovered(happened)
            self._check_programs()

    def _adapt_pace(self, done: int, seconds: float) -> None:
        """Messages are spread over what is left of the plan."""
        planned = [_planned_seconds(step) for step in self.plan]
        # Half of the weight is on the plan at first: one slow step at the beginning tells little.
        slowness = (seconds + sum(planned[:5])) / (sum(planned[:done]) + sum(planned[:5]))
        self._pace.adapt(self._sent(), slowness * sum(planned[done:]))

    def _publish_the_rest(self) -> None:
        missing = self._size.messages - self._sent()
        if missing <= 0:
            return
        self._say(f"the faults are over, {missing} messages are left")
        self._pace.adapt(self._sent(), 1.0)
        seconds = 60 + 10 * missing / self._size.fastest
        wait_for(lambda: self._sent() >= self._size.messages, "all messages sent", seconds, pause=0.1)

    def _sent(self) -> int:
        return sum(len(ledger.told) for ledger in self._ledgers)

    # --- waiting ---

    def _wait_recovered(self, happened: list[Happened]) -> None:
        """Until every subscription confirms a message that was published after the faults."""
        ended = time.monotonic()
        began = [len(ledger.told) for ledger in self._ledgers]
        wait_for(
            lambda: all(ledger.last_confirmed > told for ledger, told in zip(self._ledgers, began)),
            lambda: f"publishing goes on after {', '.join(str(h.fault) for h in happened)}",
            RECOVERED_WITHIN,
        )
        goals = [ledger.last_confirmed for ledger in self._ledgers]
        wait_for(
            lambda: not self._behind(goals),
            lambda: f"deliveries go on after {', '.join(str(h.fault) for h in happened)}:"
            f" {self._describe(self._behind(goals))}",
            RECOVERED_WITHIN - (time.monotonic() - ended),
        )
        for one in happened:
            one.recovered_ns = time.monotonic_ns()

    def _wait_all_arrived(self) -> None:
        """Until every subscription confirms the last message of its topic; nothing else ends the order."""
        goals = [ledger.last_confirmed for ledger in self._ledgers]
        wait_for(
            lambda: not self._behind(goals),
            lambda: f"everything arrived: {self._describe(self._behind(goals))}",
            DRAINED_WITHIN,
            pause=0.1,
        )

    def _behind(self, goals: list[int]) -> list[tuple[int, int]]:
        self._progress.follow()
        confirmed = self._progress.confirmed
        return [
            (subscriber, topic)
            for subscriber in self._recorder.subscribers
            for topic, goal in enumerate(goals)
            if confirmed.get((subscriber, topic), 0) < goal
        ]

    def _describe(self, behind: list[tuple[int, int]]) -> str:
        at = self._progress.confirmed
        places = ", ".join(
            f"subscriber {place[0]} topic {place[1]} is at {at.get(place, 0)}"
            f" of {self._ledgers[place[1]].last_confirmed}"
            for place in behind[:10]
        )
        return f"{len(behind)} subscriptions are behind: {places}"

    def _check_programs(self) -> None:
        problems = self._suite.new_problems()
        if self._renewals.problem:
            problems.append(self._renewals.problem)
        assert not problems, "\n".join(problems)

    # --- the verdict ---

    def _judge(self) -> None:
        outcome = self._outcome
        if not self._recorder.path.exists():
            return
        began = time.monotonic()
        now = time.monotonic_ns()
        with open(outcome.directory / "faults", "w") as log:
            for one in outcome.happened:
                one.ended_ns = one.ended_ns or now
                print(one, file=log)
        times = Times(self._size.session_timeout, self._size.detach_after)
        explanations = Explanations(outcome.happened, times)
        records = read_records(self._recorder.path)
        outcome.verdict = judge(records, self._ledgers, self._size.subscribers, explanations.explain)
        outcome.judging = time.monotonic() - began


def _planned_seconds(step: Step) -> float:
    longest = max(fault.after + fault.seconds for fault in step.faults)
    return step.pause + longest + (_SETTLING if step.settles else 0.0)
