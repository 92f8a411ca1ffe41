"""What an operator does when a partner's endpoint was down: 10,000 messages, and not one of them lost."""

import itertools
import json
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest

from harness import planted
from harness.behaviours import answer
from harness.hub_client import Answer, HubClient
from harness.ids import subscription_id
from harness.missed import MissedMessages, utc_now
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

COUNT = 10_000
FEWER = 2_000
CATCH_UP = 150.0  # seconds, on a slow and busy machine

pytestmark = pytest.mark.timeout(600)

SETTINGS = {
    "WEBSUB_RETRY_MIN_INTERVAL": "100ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "1s",
    "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
    "WEBSUB_DISPATCHER_STATUS_INTERVAL": "500ms",
    "WEBSUB_HUB_LAG_INTERVAL": "500ms",
}


@dataclass
class Story:
    """A topic with one subscription, as its operator sees it."""

    hub: HubClient
    topic: str
    endpoint: Endpoint
    number: itertools.count = field(default_factory=lambda: itertools.count(1))

    @property
    def path(self) -> str:
        return f"/api/v1/subscriptions/{subscription_id(self.topic, self.endpoint.url)}"

    def get(self, path: str = "") -> dict:
        answer = self.hub.request("GET", self.path + path)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def command(self, name: str, **body: object) -> Answer:
        answer = self.hub.request("POST", f"{self.path}/{name}", json.dumps(body).encode())
        assert answer.status == 202, answer
        return answer

    def publish(self, count: int = COUNT, text: str = "") -> list[tuple[str, bytes]]:
        """Returns the messages with their ids, in publish order."""
        published = []
        for _ in range(count):
            body = planted.payload(f"{next(self.number)} {text}")
            published.append((self.hub.publish(self.topic, body).check_accepted().message_id, body))
        return published

    def missed(self, parameters: str = "") -> list[tuple[str, bytes]]:
        """As the API pages through it."""
        found, cursor = [], ""
        while True:
            page = self.get(f"/missed-messages?limit=1000{parameters}{cursor}")
            found += [(item["id"], item["body"]["data"].encode()) for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={quote(page['next_cursor'])}"

    def lag(self) -> int | None:
        lag = self.get()["lag"]
        return lag and lag["messages"]

    def wait_lag(self, messages: int, timeout: float = 30.0) -> None:
        wait_for(lambda: self.lag() == messages, lambda: f"a lag of {messages}: {self.get()}", timeout)

    def wait_delivered(self, expected: list[tuple[str, bytes]]) -> None:
        self.endpoint.wait_bodies([body for _, body in expected], CATCH_UP)
        self.wait_lag(0)
        wait_for(lambda: self.missed() == [], "nothing missed any more")

    def wait_attempt(self, kind: str) -> None:
        wait_for(
            lambda: kind in [attempt["type"] for attempt in self.get("/attempts?limit=1000")["items"]],
            f"{kind} among the attempts",
            pause=0.1,
        )

    def wait_reason(self, reason: str) -> None:
        """The subscription itself tells why it is behind, and when it is tried again."""

        def told() -> bool:
            subscription = self.get()
            failure = subscription["last_failure"]
            return bool(failure and failure["reason"] == reason and subscription["next_attempt_at"])

        wait_for(told, lambda: f"the reason {reason}: {self.get()}")


@pytest.fixture(scope="module")
def story_suite(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("story"), "story-", settings=SETTINGS) as suite:
        yield suite.start()


def begin(suite: Suite, subscriber: Subscriber) -> Story:
    hub, endpoint = suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "story")
    subscribe(hub, topic, endpoint, planted.secret())
    story = Story(hub, topic, endpoint)
    wait_for(lambda: story.missed() == [], "the warm-ups to be confirmed")
    return story


def test_a_night_of_outage_then_skip_then_replay(story_suite, subscriber):
    story, since = begin(story_suite, subscriber), utc_now()
    mosip = MissedMessages(story.hub, story.topic, story.endpoint, planted.secret())

    # The partner's machine is down; everything that it misses can be seen, in order.
    subscriber.stop()
    published = story.publish()
    story.wait_lag(COUNT)
    story.wait_reason("refused")

    def furthest_behind() -> list[str]:
        lagging = json.loads(story.hub.request("GET", "/api/v1/overview").body)["top_lagging"]
        return [subscription["id"] for subscription in lagging][:1]

    wait_for(
        lambda: furthest_behind() == [subscription_id(story.topic, story.endpoint.url)],
        lambda: f"the one that is furthest behind, not {furthest_behind()}",
    )
    assert story.missed() == published
    assert [message.encode() for message in mosip.messages(since)] == [body for _, body in published]
    attempts = story.get("/attempts")["items"]
    assert {"delivery.failed"} <= {attempt["type"] for attempt in attempts}, attempts

    # It comes back by itself.
    subscriber.start()
    story.wait_delivered(published)
    wait_for(lambda: mosip.messages(since) == [], "nothing missed any more")
    assert story.get()["last_success_at"]

    # Down again; this time the partner has got the first 1,000 by other means.
    subscriber.stop()
    again = story.publish(FEWER)
    story.wait_lag(FEWER)
    story.command("move", message=again[1000][0])
    story.wait_lag(FEWER - 1000)
    assert story.missed() == again[1000:]
    story.wait_attempt("delivery.moved")  # by the dispatcher, which learns of it by itself
    subscriber.start()
    story.wait_delivered(published + again[1000:])

    # And it has lost what it got last: once more from there.
    story.command("move", message=again[1500][0])
    story.wait_delivered(published + again[1000:] + again[1500:])


def test_dead_letters_are_redelivered_when_the_subscriber_can_digest_them(kafka, tmp_path, subscriber):
    settings = SETTINGS | {"WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter", "WEBSUB_RETRY_GIVE_UP_AFTER": "200ms"}
    with Suite(kafka.bootstrap, tmp_path, "story-letters-", settings=settings) as suite:
        story, since = begin(suite.start(), subscriber), utc_now()
        mosip = MissedMessages(story.hub, story.topic, story.endpoint, planted.secret())
        story.endpoint.on_delivery = lambda received: answer(422 if b"poison" in received.body else 200)(
            received
        )
        good, poison = [], []
        for _ in range(20):
            good += story.publish(FEWER // 20 - 1)
            poison += story.publish(1, "poison")
        story.wait_delivered(good)
        assert story.missed("&source=dead-letters") == poison
        assert [message.encode() for message in mosip.messages(since)] == [body for _, body in poison]
        # The partner mends its software.
        story.endpoint.on_delivery = answer(200)
        story.command("redeliver", message=poison[0][0])
        story.wait_delivered(good + poison[:1])
        wait_for(lambda: story.missed("&source=dead-letters") == poison[1:], "one dead letter less")
        story.command("redeliver", dead_letters=True)
        wait_for(
            lambda: sorted(story.endpoint.bodies()[len(good) :]) == sorted(body for _, body in poison),
            story.endpoint.describe,
        )
        wait_for(lambda: story.missed("&source=dead-letters") == [], "no dead letters any more")
        wait_for(lambda: mosip.messages(since) == [], "nothing missed any more")
        story.wait_lag(0)
