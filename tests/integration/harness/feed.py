"""A topic with one subscription, on a suite whose operator gives commands."""

from dataclasses import dataclass

from . import planted
from .behaviours import Behaviour, answer
from .commands import Commands
from .hub_client import HubClient
from .kafka_view import KafkaView
from .metrics import metric
from .settle import subscribe
from .subscriber import Endpoint, Subscriber
from .suite import Suite
from .topics import register_topic
from .wait import stays_false, wait_for

PARTITIONS = 8
MAX_INTERVAL = 1

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_RETRY_GIVE_UP_AFTER": "1s",
    "WEBSUB_RETRY_MIN_INTERVAL": "200ms",
    "WEBSUB_RETRY_MAX_INTERVAL": f"{MAX_INTERVAL}s",
    "WEBSUB_HUB_LEASE_SECONDS_DEFAULT": "3600",
}


@dataclass
class Feed:
    """A topic with one subscription."""

    suite: Suite
    topic: str
    endpoint: Endpoint
    commands: Commands

    @property
    def hub(self) -> HubClient:
        return self.suite.hub()

    def publish(self, name: str, count: int) -> list[bytes]:
        hub, bodies = self.hub, [planted.payload(f"{name} {number}") for number in range(count)]
        for body in bodies:
            hub.publish(self.topic, body).check_accepted()
        return bodies

    def publish_and_wait(self, name: str, count: int) -> list[bytes]:
        before = self.endpoint.bodies()
        bodies = self.publish(name, count)
        self.endpoint.wait_bodies(before + bodies)
        return bodies

    def move(self, offset: int, **fields: object) -> None:
        self.commands.give("delivery.move", self.endpoint, offset=offset, **fields)

    def stays_silent(self, what: str, for_seconds: float = 1.5) -> None:
        seen = len(self.endpoint.attempts())
        stays_false(lambda: self.endpoint.attempts()[seen:] and self.endpoint.describe(), what, for_seconds)

    def wait_nothing_under_way(self) -> None:
        """In a pause nothing begins any more, but what is under way may arrive after it has begun."""
        wait_for(
            lambda: metric(self.suite["dispatcher-0"], "websub_dispatcher_in_flight") == 0,
            "all attempts to end",
        )

    def restart_dispatcher(self, how: str = "kill -9") -> None:
        if how == "SIGTERM":
            self.suite.terminate("dispatcher-0")
        else:
            self.suite.kill("dispatcher-0")
        self.suite.start("dispatcher-0")


def make_feed(suite: Suite, view: KafkaView, subscriber: Subscriber) -> Feed:
    hub, endpoint = suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "commanded")
    subscribe(hub, topic, endpoint, planted.secret())
    return Feed(suite, topic, endpoint, Commands(suite, view, topic, PARTITIONS))


def refusing(bodies: list[bytes]) -> Behaviour:
    """For good: what is skipped while it is under way may reach the subscriber later than the skip."""
    return lambda received: answer(500 if received.body in bodies else 200)(received)


def suspend(feed: Feed) -> list[bytes]:
    """What waits for the subscription then."""
    feed.endpoint.on_delivery = answer(500)
    waiting = feed.publish("waiting", 6)
    feed.commands.wait_status(feed.endpoint, "suspended")
    return waiting


def wait_replayed(feed: Feed, before: list[bytes], again: list[bytes], at_least: int) -> None:
    """Until all of `again` arrived in order and last, after that many or more of `before`."""

    def probe() -> list[bytes]:
        bodies = feed.endpoint.bodies()
        return bodies if len(bodies) >= at_least + len(again) and bodies[-len(again) :] == again else []

    first = wait_for(probe, lambda: f"the replay{feed.endpoint.describe()}")[: -len(again)]
    assert first == before[: len(first)], f"not in order{feed.endpoint.describe()}"
