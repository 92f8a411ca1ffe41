"""Carries out the faults of a plan on a running installation, and keeps a log of when they were.

Runs on the main thread, as processes must be started there (harness/process.py).
"""

import heapq
import itertools
import signal
import time
from collections.abc import Generator
from dataclasses import dataclass

from harness.kafka import KafkaBroker
from harness.suite import Suite

from .clock import clock
from .plan import EVERYBODY, Fault, Step
from .recorder import Recorder

# dispatcher.shutdown_grace is 10 s by default; the rest is for leaving the group on a busy machine.
TERMINATED_WITHIN = 15.0
_KAFKA_STOPS_WITHIN = 30.0

_POLL = 0.02

# What a fault yields: in how many seconds it wants to go on.
_Course = Generator[float, None, None]


@dataclass
class Happened:
    """One fault, as it was."""

    fault: Fault
    began_ns: int
    ended_ns: int = 0  # 0: not yet
    recovered_ns: int = 0  # when deliveries were seen to have gone on everywhere; 0: not looked at
    note: str = ""

    def __str__(self) -> str:
        recovered = f", deliveries went on by {clock(self.recovered_ns)}" if self.recovered_ns else ""
        note = f" ({self.note})" if self.note else ""
        return f"{clock(self.began_ns)} to {clock(self.ended_ns)} {self.fault}{note}{recovered}"


class Injector:
    def __init__(self, suite: Suite, broker: KafkaBroker, recorder: Recorder):
        self._suite = suite
        self._broker = broker
        self._recorder = recorder
        self._courses = {
            "kill": self._kill,
            "terminate": self._terminate,
            "stop": self._stop,
            "restart": self._restart_kafka,
            "crash": self._restart_kafka,
            "fail": self._fail,
        }
        self.happened: list[Happened] = []
        self.problems: list[str] = []
        self.slowest_end = 0.0  # of a program after SIGTERM, seconds

    def perform(self, step: Step) -> list[Happened]:
        """All faults of a step, overlapping as planned; returns when the last one has ended."""
        began = time.monotonic()
        order = itertools.count()
        waiting = [(began + fault.after, next(order), self._course(fault)) for fault in step.faults]
        heapq.heapify(waiting)
        while waiting:
            due, _, course = heapq.heappop(waiting)
            time.sleep(max(0.0, due - time.monotonic()))
            pause = next(course, None)
            if pause is not None:
                heapq.heappush(waiting, (time.monotonic() + pause, next(order), course))
        return self.happened[-len(step.faults) :]

    def _course(self, fault: Fault) -> _Course:
        happened = Happened(fault, time.monotonic_ns())
        self.happened.append(happened)
        yield from self._courses[fault.kind](fault, happened)
        happened.ended_ns = time.monotonic_ns()

    def _kill(self, fault: Fault, _: Happened) -> _Course:
        program = self._suite[fault.victim]
        program.kill()
        yield fault.seconds
        program.start()

    def _terminate(self, fault: Fault, happened: Happened) -> _Course:
        program = self._suite[fault.victim]
        while not program.answers("/healthz"):
            yield _POLL
        happened.began_ns = time.monotonic_ns()
        program.signal(signal.SIGTERM)
        deadline = time.monotonic() + TERMINATED_WITHIN
        while program.running and time.monotonic() < deadline:
            yield _POLL
        took = (time.monotonic_ns() - happened.began_ns) / 1e9
        self.slowest_end = max(self.slowest_end, took)
        happened.note = f"ended {took:.2f} s after SIGTERM"
        if program.running:
            self.problems.append(f"{program.name} did not end within {TERMINATED_WITHIN:g} s of SIGTERM")
            program.kill()
        elif program.returncode == 0:
            program.wait_terminated(0)
        else:
            self.problems.append(f"{program.name} ended with {program.returncode} after SIGTERM")
        yield fault.seconds
        program.start()

    def _stop(self, fault: Fault, _: Happened) -> _Course:
        program = self._suite[fault.victim]
        program.pause()
        yield fault.seconds
        program.resume()

    def _restart_kafka(self, fault: Fault, _: Happened) -> _Course:
        if fault.kind == "crash":
            self._broker.kill()
        else:
            self._broker.process.signal(signal.SIGTERM)
            deadline = time.monotonic() + _KAFKA_STOPS_WITHIN
            while self._broker.process.running and time.monotonic() < deadline:
                yield _POLL
            self._broker.kill()  # a broker is not what is tested
        yield fault.seconds
        self._broker.start_without_waiting()
        while not self._broker.serves():
            yield 0.1

    def _fail(self, fault: Fault, _: Happened) -> _Course:
        everybody = self._recorder.subscribers
        victims = everybody if fault.victim == EVERYBODY else [int(fault.victim.split()[1])]
        self._recorder.fail(victims, fault.how)
        yield fault.seconds
        self._recorder.fail(victims, "recover")
