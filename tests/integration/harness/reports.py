"""The status topic: what dispatchers report of subscriptions and of themselves."""

from collections.abc import Callable

from .ids import subscription_id
from .kafka_view import KafkaView
from .subscriber import Endpoint
from .suite import Suite
from .wait import DEADLINE, wait_for


class Reports:
    def __init__(self, suite: Suite, view: KafkaView):
        self._view = view
        self._topic = f"{suite.prefix}status"

    def all_of(self, topic: str, endpoint: Endpoint) -> list[dict]:
        """Of a subscription, oldest first, as far as they were not compacted yet."""
        return self._values(subscription_id(topic, endpoint.url))

    def last(self, topic: str, endpoint: Endpoint) -> dict | None:
        return (self.all_of(topic, endpoint) or [None])[-1]

    def wait(self, topic: str, endpoint: Endpoint, what: str, probe: Callable[[dict], bool]) -> dict:
        """Until the last report of a subscription is one for which `probe` holds."""

        def look() -> dict | None:
            report = self.last(topic, endpoint)
            return report if report and probe(report) else None

        return wait_for(look, lambda: f"{what}, not {self.last(topic, endpoint)}", pause=0.1)

    def dispatchers(self) -> dict[str, list[dict | None]]:
        """By instance, oldest first; None: a tombstone."""
        found: dict[str, list[dict | None]] = {}
        for record in self._view.records(self._topic):
            kind, _, instance = record.key.decode().partition("/")
            if kind == "dispatcher":
                found.setdefault(instance, []).append(record.json if record.value is not None else None)
        return found

    def wait_dispatcher(
        self, instance: str, what: str, probe: Callable[[dict | None], bool], timeout: float = DEADLINE
    ) -> dict | None:
        """Until the last report of a dispatcher is one for which `probe` holds."""

        def look() -> list[dict | None]:
            reports = self.dispatchers().get(instance, [])
            return reports if reports and probe(reports[-1]) else []

        reports = wait_for(
            look, lambda: f"{what}, not {self.dispatchers().get(instance, [])[-1:]}", timeout, pause=0.1
        )
        return reports[-1]

    def _values(self, key: str) -> list[dict]:
        return [record.json for record in self._view.records(self._topic, key)]
