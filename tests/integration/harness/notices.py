"""Notices to the outside: those on Kafka, and an operator's endpoint that they are sent to."""

import json

from standardwebhooks import Webhook, WebhookVerificationError

from .behaviours import Reply
from .ids import subscription_id
from .kafka_view import KafkaView
from .providers import Service
from .subscriber import Endpoint, Received
from .suite import Suite
from .wait import DEADLINE, wait_for


class NoticeReceiver(Service):
    """Takes what a foreign library finds to be signed with the secret, and remembers it."""

    PATH = "/hooks/websub"

    def __init__(self, secret: str | bytes) -> None:
        """The secret in words ("whsec_…"), or its bytes."""
        self._verifier = Webhook(secret)
        self._taken: list[dict] = []
        self.refused: list[str] = []
        super().__init__()

    def settings(self, secret: str) -> dict[str, str]:
        """Of a suite that sends here."""
        return {
            "WEBSUB_NOTICES_ENABLED": "true",
            "WEBSUB_NOTICES_WEBHOOK_URL": self.url(self.PATH),
            "WEBSUB_NOTICES_WEBHOOK_SECRET": secret,
            "WEBSUB_NOTICES_MAX_RETRY_INTERVAL": "1s",
        }

    def answer(self, received: Received) -> Reply:
        try:
            notice = self._verifier.verify(received.body, dict(received.headers))
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return Reply(401)
        fits = (
            received.method == "POST"
            and received.target == self.PATH
            and received.header("Content-Type") == "application/json"
            and received.header("webhook-id") == notice["id"]
        )
        if not fits:
            self.refused.append(str(received))
            return Reply(400)
        self._taken.append(notice)
        return Reply(204)

    def taken(self, topic: str, endpoint: Endpoint) -> list[dict]:
        """What was taken about a subscription, in the order of arrival; what came twice, once."""
        key = subscription_id(topic, endpoint.url)
        by_id = {notice["id"]: notice for notice in self._taken if notice["subscription"] == key}
        return list(by_id.values())


class Notices:
    """About the subscriptions of one topic of a suite."""

    def __init__(self, suite: Suite, view: KafkaView, topic: str, receiver: NoticeReceiver | None = None):
        self._suite, self._view, self._topic, self._receiver = suite, view, topic, receiver

    def written(self, endpoint: Endpoint) -> list[dict]:
        key = subscription_id(self._topic, endpoint.url)
        records = self._view.records(f"{self._suite.prefix}notices", key)
        assert len({record.partition for record in records}) < 2, records
        return [record.json for record in records]

    def types(self, endpoint: Endpoint) -> list[str]:
        return [notice["type"].partition(".")[2] for notice in self.written(endpoint)]

    def wait_written(self, endpoint: Endpoint, *types: str, timeout: float = DEADLINE) -> list[dict]:
        """Exactly these, in this order: "suspended", …; fails early on any other."""

        def probe() -> list[dict]:
            found = self.types(endpoint)
            assert found == list(types)[: len(found)], f"{found}, not {types}"
            return self.written(endpoint) if len(found) == len(types) else []

        return wait_for(probe, lambda: f"{types}, not {self.types(endpoint)}", timeout, pause=0.1)

    def wait_taken(self, endpoint: Endpoint, timeout: float = DEADLINE) -> list[dict]:
        """Until all that is written has been sent, as it is and in its order."""
        written = self.written(endpoint)

        def probe() -> bool:
            taken = self._receiver.taken(self._topic, endpoint)
            assert taken == written[: len(taken)], f"{json.dumps(taken)}, not {json.dumps(written)}"
            return len(taken) == len(written)

        wait_for(probe, lambda: f"all of {written}; refused: {self._receiver.refused[-3:]}", timeout)
        return written
