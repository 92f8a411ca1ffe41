"""The operators' console in a browser, and a topic with one subscription to look at."""

import json
from dataclasses import dataclass

from . import planted
from .behaviours import answer
from .browser import Browser
from .hub_client import HubClient
from .ids import subscription_id
from .settle import subscribe
from .subscriber import Endpoint, Subscriber
from .suite import Suite
from .topics import new_topic
from .users import PASSWORD
from .wait import wait_for

DIALOG = "dialog"

# Quick: what is shown is what dispatchers reported last.
SETTINGS = {
    "WEBSUB_DISPATCHER_STATUS_INTERVAL": "200ms",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL_HEALTHY": "500ms",
    "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
    # A lag that is not known is looked up only then, and what shows it comes again every 10 s.
    "WEBSUB_HUB_LAG_INTERVAL": "500ms",
    "WEBSUB_HUB_LEASE_SECONDS_DEFAULT": "86400",
}


@dataclass
class Watched:
    """A topic with one subscription, up to date."""

    hub: HubClient
    topic: str
    endpoint: Endpoint

    @classmethod
    def new(
        cls, hub: HubClient, subscriber: Subscriber, topic: str | None = None, **callback: str
    ) -> "Watched":
        topic = topic or new_topic("console")
        hub.register(topic).check_accepted()
        endpoint = subscriber.endpoint(**callback)
        subscribe(hub, topic, endpoint, planted.secret())
        watched = cls(hub, topic, endpoint)
        watched.wait_missed(0)
        return watched

    @property
    def id(self) -> str:
        return subscription_id(self.topic, self.endpoint.url)

    @property
    def view(self) -> str:
        return f"#/subscriptions/{self.id}"

    def fail(self, *texts: str) -> list[bytes]:
        """Publishes what it does not take."""
        self.endpoint.on_delivery = answer(500, body=b"closed <b>for inventory</b>")
        seen = len(self.endpoint.attempts())
        bodies = self.publish(*texts)
        self.endpoint.wait_attempts(seen + 2)
        return bodies

    def wait_missed(self, count: int, source: str = "backlog") -> None:
        """Until the API tells of so many messages: what was confirmed just now may still be among them."""
        path = f"/api/v1/subscriptions/{self.id}/missed-messages?source={source}"

        def probe() -> bool:
            answer = self.hub.request("GET", path)  # 404 until the hub has seen the subscription
            return answer.status == 200 and len(json.loads(answer.body)["items"]) == count

        wait_for(probe, path)

    def publish(self, *texts: str, content_type: str = "text/plain") -> list[bytes]:
        bodies = [planted.payload(text) for text in texts]
        for body in bodies:
            self.hub.publish(self.topic, body, content_type).check_accepted()
        return bodies


class Console(Browser):
    """A browser that knows its way about the console."""

    def open(self, suite: Suite, view: str = "") -> None:
        self.new_tab(f"http://127.0.0.1:{suite['hub-0'].port}/console/{view}")

    def sign_in(self, suite: Suite, user: str, view: str = "") -> None:
        """In a new tab, to see the view."""
        self.open(suite, view)
        self.enter(user, PASSWORD)
        self.wait_text("Sign out", selector=".bar")

    def enter(self, user: str, password: str) -> None:
        self.fill("user", user)
        self.fill("password", password)
        self.click("Sign in", "form")

    def act(self, action: str, confirm: str, expected: str) -> None:
        """An action with its dialog, which must say what is expected of it, confirmed."""
        self.click(action, ".actions")
        self.wait_text(expected, selector=DIALOG)
        self.confirm(confirm)

    def confirm(self, name: str) -> None:
        self.click(name, f"{DIALOG}:has(form) .dialog-foot")
        wait_for(lambda: not self.texts(f"{DIALOG}:has(form)"), lambda: self.text(DIALOG))
