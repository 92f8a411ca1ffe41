"""Programs of the previous version and of this one run side by side while messages flow.

They are replaced one by one in any order, and rolled back in any order: nothing is lost or repeated, the
order holds, subscriptions and leases stay, and requests work whoever they are sent to. The previous version
is the commit in `previous-version`; what new features do meanwhile is in test_upgrade_features.py.
"""

import itertools

import pytest
from versions import NEW, OLD, Installation

from harness import planted
from harness.behaviours import answer
from harness.history import History
from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.kafka_view import KafkaView
from harness.publisher import SteadyPublisher
from harness.settle import subscribe, wait_silent
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

H, C, D = "hub", "consolidator", "dispatcher"

# Each order once, as an upgrade or as a rollback. Each of the six ways in which the three kinds can be of
# different versions comes up twice; and as there are two of each, so does every pair of one kind.
ROUND_TRIPS = [((H, C, D), (H, D, C)), ((C, D, H), (C, H, D)), ((D, H, C), (D, C, H))]

# Messages of each topic that must be confirmed between two replacements.
STEP = 8

# Of what a replacement says about a subscription, all but where it stands.
MOVING = {"offset", "set", "detached", "base"}

pytestmark = pytest.mark.timeout(600)

SETTINGS = {"WEBSUB_RETRY_GIVE_UP_AFTER": "1s", "WEBSUB_HUB_LEASE_SECONDS_DEFAULT": "86400"}


class Feed:
    """A topic with subscribers: one that is well, and a flaky one with another signature."""

    def __init__(self, hub: HubClient, subscriber: Subscriber):
        self.topic = register_topic(hub, "upgraded")
        self.history = History(self.topic)
        self.endpoints = [subscriber.endpoint("well"), subscriber.endpoint("flaky")]
        for endpoint in self.endpoints:
            subscribe(hub, self.topic, endpoint, planted.secret(endpoint.path))
        requests = itertools.count(1)
        self.endpoints[1].on_delivery = lambda received: answer(200 if next(requests) % 10 else 503)(received)

    def wait_arrived(self) -> None:
        self.history.wait_arrived(*self.endpoints)
        for endpoint in self.endpoints:
            for delivery in endpoint.deliveries():
                assert delivery.is_signed_with(planted.secret(endpoint.path)), delivery


class Scene:
    """Feeds that flow, one subscriber who fails for a while, one who left, and what Kafka has of them."""

    def __init__(self, installation: Installation, view: KafkaView, subscriber: Subscriber):
        self.installation, self.view, self.subscriber = installation, view, subscriber
        hub = installation.suite.hub()
        self.feeds = [Feed(hub, subscriber) for _ in range(3)]
        self.failing, self.left = subscriber.endpoint("failing"), subscriber.endpoint("left")
        first = self.feeds[0]
        for endpoint in (self.failing, self.left):
            subscribe(hub, first.topic, endpoint, planted.secret(endpoint.path))
        hub.unsubscribe(first.topic, self.left.url).check_accepted(202)
        wait_for(lambda: not self.state(first.topic, self.left), "the one who leaves gone")
        # From state, and then from the dispatchers.
        wait_silent(hub, first.topic, ended=self.left, witness=self.failing)
        self.left_requests = len(self.left.requests())
        first.endpoints.append(self.failing)
        self.publishers = [
            SteadyPublisher(feed.history, installation.suite.hubs(), per_second=30) for feed in self.feeds
        ]

    def state(self, topic: str, endpoint: Endpoint) -> dict | None:
        key = f"subscription:{subscription_id(topic, endpoint.url)}"
        return self.view.last_value(f"{self.installation.suite.prefix}state", key)

    def standing(self) -> dict[str, dict]:
        """What must not change: secrets, leases, conditions, by callback."""
        return {
            endpoint.url: {
                name: value for name, value in self.state(feed.topic, endpoint).items() if name not in MOVING
            }
            for feed in self.feeds
            for endpoint in feed.endpoints
        }

    def step(self) -> None:
        histories = [feed.history for feed in self.feeds]
        goals = [history.confirmed_count + STEP for history in histories]
        wait_for(
            lambda: all(history.confirmed_count >= goal for history, goal in zip(histories, goals)),
            lambda: "\n".join(history.report() for history in histories),
        )

    def fail(self) -> None:
        """Until it is suspended, with a backlog."""
        self.failing.on_delivery = answer(500)
        self.wait_status("suspended")

    def recover(self) -> None:
        self.failing.on_delivery = answer(200)
        self.wait_status("active")

    def wait_status(self, status: str) -> None:
        def probe() -> bool:
            return self.state(self.feeds[0].topic, self.failing)["status"] == status

        wait_for(probe, f"the failing one {status}", pause=0.1)

    def make_use(self) -> None:
        """A new topic, its subscription, renewal and end, each through another hub than the one before."""
        hubs = itertools.cycle(self.installation.suite.hubs())
        topic, endpoint = register_topic(next(hubs), "new"), self.subscriber.endpoint("new")
        next(hubs).subscribe(topic, endpoint.url, planted.secret("first")).check_accepted(202)
        endpoint.wait_verified()
        next(hubs).subscribe(topic, endpoint.url, planted.secret("second")).check_accepted(202)
        endpoint.wait_verified(count=2)
        published: list[bytes] = []

        def arrives_signed_anew() -> bool:
            published.append(planted.payload(f"of the new topic {len(published)}"))
            next(hubs).publish(topic, published[-1]).check_accepted()
            endpoint.wait_bodies(published)
            return endpoint.deliveries()[-1].is_signed_with(planted.secret("second"))

        wait_for(arrives_signed_anew, lambda: f"the second secret{endpoint.describe()}", pause=0.1)
        next(hubs).unsubscribe(topic, endpoint.url).check_accepted(202)
        endpoint.wait_verified("unsubscribe")

    def replace(self, version: str, order: tuple[str, ...]) -> None:
        """One by one, and new requests while the two of a kind differ."""
        for kind in order:
            for name in self.installation.names(kind):
                self.installation.replace(version, name)
                self.step()
                if name.endswith("-0"):
                    self.make_use()

    def check(self, standing: dict[str, dict]) -> None:
        for feed in self.feeds:
            feed.wait_arrived()
        assert self.standing() == standing
        assert len(self.left.requests()) == self.left_requests, self.left.describe()
        self.installation.check_logs()


@pytest.fixture
def scene(kafka, kafka_view, tmp_path, subscriber, request):
    prefix = f"upgrade-{request.node.callspec.id}-"
    pairs = {"hubs": 2, "consolidators": 2, "dispatchers": 2}
    with Suite(kafka.bootstrap, tmp_path, prefix, settings=SETTINGS, **pairs) as suite:
        installation = Installation(suite)
        suite.start()
        yield Scene(installation, kafka_view, subscriber)


@pytest.mark.parametrize(
    ("upgrade", "rollback"), ROUND_TRIPS, ids=["".join(kind[0] for kind in there) for there, _ in ROUND_TRIPS]
)
def test_upgrade_and_rollback(scene, upgrade, rollback):
    """A subscriber fails through each of them: its backlog and its suspension are handed from one version to
    the other, and it gets everything when it is back."""
    standing = scene.standing()
    with SteadyPublisher.all_of(scene.publishers):
        for version, order in ((NEW, upgrade), (OLD, rollback)):
            scene.fail()
            scene.replace(version, order)
            scene.recover()
            scene.step()
    scene.check(standing)
