"""Keeps the leases of all subscriptions, at random moments, with the same secret or a new one.

A lease that ended would make losses legitimate, so a run in which one comes near its end fails.
"""

import heapq
import http.client
import random
import threading
import time
from dataclasses import dataclass

from harness.hub_client import HubClient
from harness.suite import Suite

from .recorder import Progress, Recorder, secret

# After an accepted request, the verification is waited for so long before the next request.
_PATIENCE_NS = 8_000_000_000
_LAST_SECRET = 250  # the recorder's generations are a byte
_RESERVE_NS = 3_000_000_000  # before the end of a lease


@dataclass
class Subscription:
    subscriber: int
    topic: int
    name: str  # of the topic
    callback: str
    generation: int = 0
    requested_ns: int = 0  # when the last accepted request was sent
    lease_end_ns: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.subscriber, self.topic


class Renewals:
    """A thread of its own from start to stop; before, subscribe_all makes the subscriptions."""

    def __init__(self, suite: Suite, recorder: Recorder, progress: Progress, topics: list[str], leases, seed):
        self._hubs = [
            HubClient(hub.port, timeout=4.0) for hub in suite.programs.values() if hub.kind == "hub"
        ]
        self._progress = progress
        self._leases: tuple[int, int] = leases
        self._chance = random.Random(seed)
        self.subscriptions = [
            Subscription(subscriber, number, name, recorder.callback(subscriber))
            for subscriber in recorder.subscribers
            for number, name in enumerate(topics)
        ]
        self._due: list[tuple[int, int]] = []  # when, and which
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)
        self.renewed = self.with_new_secret = self.unanswered = 0
        self.problem = ""

    def subscribe_all(self) -> None:
        for subscription in self.subscriptions:
            answer = self._ask(subscription, 0)
            assert answer, f"{subscription} was not accepted"

    def start(self) -> None:
        """When all are verified."""
        for index, subscription in enumerate(self.subscriptions):
            self._settle(index, self._progress.verified_ns[subscription.place])
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ending.wait(0.05):
            self._progress.follow()
            now = time.monotonic_ns()
            while self._due and self._due[0][0] <= now and not self._ending.is_set():
                self._serve(heapq.heappop(self._due)[1])
                now = time.monotonic_ns()

    def _serve(self, index: int) -> None:
        """Renews, or looks whether the renewal that was asked for has been verified."""
        subscription = self.subscriptions[index]
        verified_ns = self._progress.verified_ns[subscription.place]
        if subscription.requested_ns and verified_ns >= subscription.requested_ns:
            self.renewed += 1
            subscription.requested_ns = 0
            self._settle(index, verified_ns)
            return
        now = time.monotonic_ns()
        if subscription.requested_ns:
            self.unanswered += 1
        if now > subscription.lease_end_ns - _RESERVE_NS:
            self.problem = f"a lease could not be renewed in time: {subscription}, now {now}"
        generation = subscription.generation
        if self._chance.random() < 0.5 and generation < _LAST_SECRET:
            generation += 1
        accepted = self._ask(subscription, generation)
        heapq.heappush(self._due, (now + (_PATIENCE_NS if accepted else 500_000_000), index))

    def _ask(self, subscription: Subscription, generation: int) -> bool:
        key = secret(subscription.subscriber, subscription.topic, generation)
        lease = self._chance.randint(*self._leases)
        sent_ns = time.monotonic_ns()
        try:
            hub = self._chance.choice(self._hubs)
            accepted = hub.subscribe(subscription.name, subscription.callback, key, lease).status == 202
        except (OSError, http.client.HTTPException):
            accepted = False
        # An unanswered request may have been accepted, too: its secret may be in use.
        if generation > subscription.generation:
            subscription.generation = generation
            self.with_new_secret += 1
        if accepted:
            subscription.requested_ns = sent_ns
        return accepted

    def _settle(self, index: int, verified_ns: int) -> None:
        """The lease is known to last; the next renewal is due in its first half."""
        shortest = self._leases[0]
        self.subscriptions[index].lease_end_ns = verified_ns + shortest * 1_000_000_000
        due = verified_ns + int(shortest * self._chance.uniform(0.15, 0.5) * 1e9)
        heapq.heappush(self._due, (due, index))
