"""What the previous version's programs make of what this version's write, while an upgrade or a rollback is
under way: nothing that was promised is lost, and what they cannot do is refused or waits.

That holds in the order that docs/upgrading.md asks for and in all others. One program of each kind.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from versions import NEW, OLD, Installation, previous_programs

from harness import planted
from harness.behaviours import answer
from harness.commands import Commands
from harness.feed import PARTITIONS, SETTINGS, Feed
from harness.hub_client import Answer
from harness.ids import partition_of, subscription_id
from harness.operator_api import Api, Command
from harness.paths import bin_dir
from harness.settle import subscribe
from harness.site import TEXT, Page
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

pytestmark = pytest.mark.timeout(600)

H, C, D = "hub-0", "consolidator-0", "dispatcher-0"


@contextlib.contextmanager
def installed(bootstrap: str, directory: Path, prefix: str, *new: str) -> Iterator[Installation]:
    """One of each program, of the previous version but for those that are named."""
    with Suite(bootstrap, directory, f"upgrade-{prefix}-", settings=SETTINGS) as suite:
        installation = Installation(suite)
        for name in new:
            installation.choose(NEW, name)
        suite.start()
        yield installation


def in_one_shard(subscriber: Subscriber, topic: str) -> tuple[Endpoint, Endpoint]:
    """Two callbacks whose subscriptions share a committed offset."""
    by_shard: dict[int, Endpoint] = {}
    while True:
        endpoint = subscriber.endpoint()
        key = f"subscription:{subscription_id(topic, endpoint.url)}"
        other = by_shard.setdefault(partition_of(key, PARTITIONS), endpoint)
        if other is not endpoint:
            return other, endpoint


@pytest.fixture
def make_feed(kafka_view, subscriber):
    """A topic with a subscription, and one in the same shard that shows what the shard is up to."""

    def make(suite: Suite) -> tuple[Feed, Endpoint]:
        topic = register_topic(suite.hub(), "featured")
        endpoint, witness = in_one_shard(subscriber, topic)
        for each in (endpoint, witness):
            subscribe(suite.hub(), topic, each, planted.secret())
        return Feed(suite, topic, endpoint, Commands(suite, kafka_view, topic, PARTITIONS)), witness

    return make


def give(feed: Feed, name: str, body: dict | None = None, status: int = 202) -> dict:
    return Command(Api(feed.suite), feed.topic, feed.endpoint)(name, body, status)


def in_order(endpoint: Endpoint) -> list[bytes]:
    """What arrived, without what was redelivered or repeated."""
    return list(dict.fromkeys(endpoint.bodies()))


def says_why(refusal: Answer) -> bool:
    return refusal.status == 503 and b"older" in refusal.body and refusal.header("Retry-After") is not None


def try_to(feed: Feed, name: str) -> Answer:
    """A command. What is still accepted, a consolidator that does not know it passes over."""
    path = f"/api/v1/subscriptions/{subscription_id(feed.topic, feed.endpoint.url)}/{name}"
    return feed.hub.request("POST", path, b"{}", {"Content-Type": "application/json"})


def test_hub_that_was_upgraded_first_refuses_what_the_consolidator_does_not_know(
    kafka, tmp_path, make_feed, subscriber
):
    """As soon as that has been upgraded, it is accepted; a ping then waits for the dispatcher. When the
    consolidator is rolled back, the hub learns it from what that does next."""
    with installed(kafka.bootstrap, tmp_path, "hub-first") as installation:
        suite = installation.suite
        feed, _ = make_feed(suite)
        page = Page(subscriber, planted.payload("page"), TEXT)
        suite.hub().register(page.url).check_accepted()
        subscribe(suite.hub(), page.url, feed.endpoint)
        installation.replace(NEW, H)
        assert says_why(suite.hub().ping(page.url))
        for name, body in (("pause", None), ("move", {"to": "end"}), ("delete", None)):
            assert "older" in give(feed, name, body, 503)["detail"]
        bodies = feed.publish_and_wait("goes on", 3)
        installation.check_logs()

        installation.replace(NEW, C)
        wait_for(lambda: suite.hub().ping(page.url).status == 204, "the ping accepted")
        # Of each shard the hub learns it by itself.
        wait_for(lambda: try_to(feed, "resume").status == 202, "the resume accepted")
        assert not page.fetches()
        installation.replace(NEW, D)
        feed.endpoint.wait_bodies([*bodies, page.body])
        installation.check_logs()

        installation.replace(OLD, C)
        suite.hub().subscribe(feed.topic, feed.endpoint.url, planted.secret()).check_accepted(202)
        wait_for(lambda: says_why(try_to(feed, "pause")), "the pause refused")


def test_commands_lose_nothing_while_a_dispatcher_is_old(kafka, tmp_path, make_feed, subscriber):
    """It does those that it knows; the others wait for its successor. What it takes a pause for is no
    reason to pass over a message, even if it has been restarted since."""
    with installed(kafka.bootstrap, tmp_path, "dispatcher-last", C, H) as installation:
        suite = installation.suite
        feed, witness = make_feed(suite)
        leaving, endpoint = subscriber.endpoint(), feed.endpoint
        subscribe(suite.hub(), feed.topic, leaving)
        leave = Command(Api(suite), feed.topic, leaving)
        leave.wait_status("active")
        leave("delete", {"reason": "moved away"})
        leaving.wait_denied()
        bodies = feed.publish_and_wait("before", 3)
        offsets = [feed.commands.offset_of(endpoint, body) for body in bodies]
        give(feed, "move", {"offset": offsets[2]})
        endpoint.wait_bodies([*bodies, bodies[2]])
        give(feed, "redeliver", {"offset": offsets[1]})
        give(feed, "pause", {"reason": "moves house"})
        feed.commands.wait_status(endpoint, "paused")
        suite.terminate(D)
        suite.start(D)
        bodies += feed.publish("in the pause", 5)
        witness.wait_bodies(bodies)
        installation.check_logs()

        installation.replace(NEW, D)
        feed.commands.wait_state(endpoint, "its position", lambda state: state.get("detached"))
        bodies += feed.publish("in the known pause", 2)
        witness.wait_bodies(bodies)
        assert not set(bodies[-2:]) & set(endpoint.bodies()), endpoint.describe()
        assert endpoint.bodies().count(bodies[1]) == 1, endpoint.describe()
        give(feed, "resume")
        wait_for(lambda: endpoint.bodies().count(bodies[1]) == 2, lambda: f"it again{endpoint.describe()}")
        wait_for(lambda: set(endpoint.bodies()) == set(bodies), lambda: f"everything{endpoint.describe()}")
        assert in_order(endpoint) == bodies, endpoint.describe()
        assert not leaving.deliveries()
        installation.check_logs()


# As docs/upgrading.md has it, and with consolidators first, while the others write what those do not know.
ROLLBACKS = [(H, D, C), (C, D, H)]


@pytest.mark.parametrize("order", ROLLBACKS, ids=["".join(name[0] for name in order) for order in ROLLBACKS])
def test_what_was_new_is_rolled_back_without_loss(kafka, tmp_path, make_feed, subscriber, order):
    """A pause with messages that wait, a message to be redelivered, a page that cannot be fetched: the old
    version forgets what it does not know, delivers what waits, and can be upgraded again."""
    letter = "".join(name[0] for name in order)
    with installed(kafka.bootstrap, tmp_path, f"rollback-{letter}", C, D, H) as installation:
        suite = installation.suite
        feed, witness = make_feed(suite)
        page = Page(subscriber, planted.payload("page"), TEXT)
        suite.hub().register(page.url).check_accepted()
        subscribe(suite.hub(), page.url, witness)
        bodies = feed.publish_and_wait("before", 3)
        feed.commands.pause(feed.endpoint)
        give(feed, "redeliver", {"offset": feed.commands.offset_of(feed.endpoint, bodies[0])})
        bodies += feed.publish("waiting", 4)
        page.behave(answer(503))
        assert suite.hub().ping(page.url).status == 204
        wait_for(page.fetches, "a try to fetch the page")
        lease_end = feed.commands.state(feed.endpoint)["lease_end"]

        for name in order:
            installation.replace(OLD, name)
        feed.endpoint.wait_bodies(bodies)
        bodies += feed.publish("after the rollback", 3)
        feed.endpoint.wait_bodies(bodies)
        witness.wait_bodies(bodies)
        # What the old consolidator has not written anew by the next upgrade is paused again then.
        state = feed.commands.wait_status(feed.endpoint, "active")
        assert state["lease_end"] == lease_end
        assert not installation.logged('"level":"error"') and not installation.logged("state.malformed")

        for name in reversed(order):
            installation.replace(NEW, name)
        page.restore()
        wait_for(lambda: suite.hub().ping(page.url).status == 204, "the ping accepted")
        wait_for(lambda: page.body in witness.bodies(), lambda: f"the page{witness.describe()}")
        more = feed.publish("upgraded again", 2)
        wait_for(lambda: feed.endpoint.bodies()[-2:] == more, feed.endpoint.describe)
        assert in_order(feed.endpoint) == bodies + more, feed.endpoint.describe()


def test_every_setting_of_the_previous_version_is_one_still(tmp_path):
    """With its default, at least."""
    for kind in ("hub", "consolidator", "dispatcher"):
        old = subprocess.run(
            [previous_programs() / f"websub-{kind}", "--print-config"], capture_output=True, check=True
        )
        path = tmp_path / f"{kind}.conf"
        path.write_bytes(old.stdout)
        subprocess.run([bin_dir() / f"websub-{kind}", "--check-config", "-c", path], check=True)
