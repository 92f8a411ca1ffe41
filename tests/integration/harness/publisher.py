"""A publisher that goes on whatever happens, and keeps the history of it."""

import contextlib
import http.client
import itertools
import threading
from collections.abc import Iterator

from .history import History
from .hub_client import HubClient
from .wait import DEADLINE, wait_for


class SteadyPublisher:
    """Publishes one message after the other in a thread of its own; a context manager.

    A message that was not answered with success is not repeated, as that could make two of it: the
    next one is sent instead, to the next hub.
    """

    def __init__(self, history: History, hubs: list[HubClient], per_second: float = 100.0):
        self._history = history
        self._hubs = itertools.cycle(hubs)
        self._pause = 1.0 / per_second
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def __enter__(self) -> "SteadyPublisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(DEADLINE * 2)
        assert not self._thread.is_alive(), "a publish was not answered within a minute"

    @classmethod
    @contextlib.contextmanager
    def all_of(cls, publishers: list["SteadyPublisher"]) -> Iterator[list["SteadyPublisher"]]:
        """Several of them at the same time."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(publisher) for publisher in publishers]

    def wait_confirmed(self, more: int, timeout: float = 60.0) -> None:
        """Waits until so many further messages have been confirmed."""
        goal = self._history.confirmed_count + more
        wait_for(
            lambda: self._history.confirmed_count >= goal,
            lambda: f"{more} further messages accepted\n{self._history.report()}",
            timeout,
        )

    def _run(self) -> None:
        hub = next(self._hubs)
        while not self._ending.wait(self._pause):
            sequence, body = self._history.next_message()
            try:
                answer = hub.publish(self._history.topic, body)
            except (OSError, http.client.HTTPException) as error:
                self._history.doubt(sequence, repr(error))
            else:
                if answer.status == 200:
                    self._history.confirm(sequence, answer.message_id)
                    continue
                self._history.doubt(sequence, f"{answer.status} {answer.reason}")
            hub = next(self._hubs)
