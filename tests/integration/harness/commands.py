"""Operators' commands: the events that the hub's operator API writes, and what is seen of them."""

import json
import time
import uuid

from .ids import partition_of, subscription_id
from .kafka_view import KafkaView
from .subscriber import Endpoint
from .suite import Suite
from .wait import wait_for

OPERATOR = "ops"


class Commands:
    """For the subscriptions of one topic, on a suite whose events have `partitions` partitions."""

    def __init__(self, suite: Suite, view: KafkaView, topic: str, partitions: int):
        self._suite, self._view, self._topic, self._partitions = suite, view, topic, partitions

    def write(self, kind: str, callback: str, **fields: object) -> None:
        """One event, exactly with these fields besides those that all have."""
        key = f"subscription:{subscription_id(self._topic, callback)}"
        common = {"v": 1, "type": kind, "at": int(time.time() * 1000), "topic": self._topic}
        event = common | {"callback": callback} | fields
        partition = partition_of(key, self._partitions)
        self._view.produce(f"{self._suite.prefix}events", partition, key, json.dumps(event).encode())

    def give(self, kind: str, endpoint: Endpoint, **fields: object) -> None:
        """A command of the operator's, with an id of its own."""
        common = {"request": str(uuid.uuid4()), "owner": OPERATOR, "operator": True}
        self.write(kind, endpoint.url, **(common | fields))

    def state(self, endpoint: Endpoint) -> dict | None:
        """As the programs read it: the record of a paused one says "suspended" (common/state.h)."""
        key = f"subscription:{subscription_id(self._topic, endpoint.url)}"
        state = self._view.last_value(f"{self._suite.prefix}state", key)
        is_paused = state and state["status"] == "suspended" and "paused_at" in state
        return state | {"status": "paused"} if is_paused else state

    def wait_state(self, endpoint: Endpoint, what: str, probe) -> dict:
        """Until there is a state for which `probe` holds."""

        def look() -> dict | None:
            state = self.state(endpoint)
            return state if state and probe(state) else None

        return wait_for(look, lambda: f"{what}, not {self.state(endpoint)}", pause=0.1)

    def wait_status(self, endpoint: Endpoint, status: str) -> dict:
        return self.wait_state(endpoint, status, lambda state: state["status"] == status)

    def recorded(self, endpoint: Endpoint, kind: str) -> list[dict]:
        """What the attempts topic has of this type."""
        records = self._view.records(
            f"{self._suite.prefix}attempts", subscription_id(self._topic, endpoint.url)
        )
        return [record.json for record in records if record.json["type"] == kind]

    def wait_recorded(self, endpoint: Endpoint, kind: str, count: int = 1) -> dict:
        """Until the dispatcher has done the command, as it tells among the attempts."""
        return wait_for(
            lambda: self.recorded(endpoint, kind)[count - 1 :],
            lambda: f"{count} {kind}{endpoint.describe()}",
            pause=0.1,
        )[0]

    def pause(self, endpoint: Endpoint, reason: str = "moves house") -> None:
        """Returns when the dispatcher has seen it."""
        before = len(self.recorded(endpoint, "delivery.paused"))
        self.give("delivery.pause", endpoint, reason=reason)
        self.wait_recorded(endpoint, "delivery.paused", before + 1)

    def resume(self, endpoint: Endpoint) -> None:
        self.give("delivery.resume", endpoint)

    def offset_of(self, endpoint: Endpoint, body: bytes) -> int:
        """Where a message lies in the partition of the subscription."""
        state = self.state(endpoint)
        found = [
            record.offset
            for record in self._view.records(state["kafka_topic"])
            if record.value == body and record.partition == state.get("partition", 0)
        ]
        assert len(found) == 1, found
        return found[0]

    def end(self, endpoint: Endpoint) -> int:
        """Behind the last message of the partition of the subscription."""
        state = self.state(endpoint)
        records = self._view.records(state["kafka_topic"])
        return 1 + max(r.offset for r in records if r.partition == state.get("partition", 0))
