"""MOSIP's call for missed messages, as its Java client makes it (SubscriberClientImpl.getFailedContent)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import quote

from .hub_client import Answer, HubClient
from .subscriber import Endpoint


def utc_now() -> str:
    """As MOSIP's DateUtils.getUTCCurrentDateTimeString: an instant in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sign(secret: str, *texts: object) -> str:
    text = "".join(str(each) for each in texts)
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class MissedMessages:
    """What one subscription may ask for."""

    def __init__(self, hub: HubClient, topic: str, endpoint: Endpoint, secret: str):
        self.hub, self.topic, self.callback, self.secret = hub, topic, endpoint.url, secret

    def query(self, since: str, page_index: int, count: int | None) -> dict[str, str | None]:
        return {
            "topic": quote(quote(self.topic, safe="/:?"), safe="/:?"),
            "callback": base64url(self.callback),
            "timestamp": since,
            "pageindex": str(page_index),
            "messageCount": str(count) if count else None,  # sent without a value, and not signed
        }

    def ask(
        self,
        since: str,
        page_index: int = 0,
        count: int | None = None,
        tampered: dict[str, str | None] | None = None,
        signature: str | None = None,
    ) -> Answer:
        """`tampered`: what is sent instead of what is signed; `signature`: instead of the right one."""
        if signature is None:
            texts = [self.topic, self.callback, since, page_index] + ([count] if count else [])
            signature = sign(self.secret, *texts)
        pairs = self.query(since, page_index, count) | (tampered or {})
        query = "&".join(name if value is None else f"{name}={value}" for name, value in pairs.items())
        headers = {"Accept": "application/json", "X-Subscriber-Signature": signature}
        return self.hub.request("GET", f"/hub?{query}", headers=headers)

    def page(self, since: str, page_index: int = 0, count: int | None = None) -> list[dict[str, str]]:
        answer = self.ask(since, page_index, count)
        assert answer.status == 200, answer
        assert answer.header("Content-Type") == "application/json", answer
        contents = json.loads(answer.body)
        assert contents.keys() == {"failedcontents"}, contents
        for content in contents["failedcontents"]:
            assert content.keys() == {"message", "timestamp"}, content
        return contents["failedcontents"]

    def messages(self, since: str, count: int = 1000) -> list[str]:
        """All of them, page by page."""
        found: list[str] = []
        while page := self.page(since, len(found), count):
            found += [content["message"] for content in page]
        return found
