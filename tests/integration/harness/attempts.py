"""The attempts topic: what operators see of calls that failed."""

from dataclasses import dataclass

from .kafka_view import KafkaView
from .wait import wait_for


@dataclass(frozen=True)
class Attempts:
    view: KafkaView
    topic: str

    def reasons(self, kind: str = "verification.failed") -> dict[str, list[str]]:
        """By callback, in the order in which they were written."""
        found: dict[str, list[str]] = {}
        for record in self.view.records(self.topic):
            if record.json["type"] == kind:
                found.setdefault(record.json["callback"], []).append(record.json["reason"])
        return found

    def wait_reason(self, callback: str, kind: str = "verification.failed") -> str:
        """Waits for a failed call of this kind, and returns the last one's reason."""
        return wait_for(lambda: self.reasons(kind).get(callback), f"{kind} of {callback}", pause=0.2)[-1]
