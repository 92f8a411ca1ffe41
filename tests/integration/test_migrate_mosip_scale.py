"""websub migrate-mosip, of a whole hub: 50 topics, 5,000 subscriptions, offsets in the middle."""

import json
import threading
from collections import defaultdict

import pytest

from harness import planted
from harness.behaviours import Reply
from harness.kafka import KafkaBroker
from harness.migration import Migration
from harness.old_hub import OldHub
from harness.subscriber import Received, Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

TOPICS = 50
SUBSCRIBERS = 100  # of each topic
MESSAGES = 6  # of each topic, at the old hub
# Of one topic, before those, and for one subscriber only: more than is copied in one transaction.
LONG, HISTORY = 20, 1500


class Recorder(Subscriber):
    """Confirms everything, and keeps what each callback got."""

    def __init__(self):
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        self.ids: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()
        self.count = 0
        super().__init__()

    def handle(self, received: Received) -> Reply:
        with self._lock:
            self.bodies[received.target].append(received.body)
            self.ids[received.target].add(received.message_id)
            self.count += 1
        return Reply(200)


@pytest.fixture(scope="module")
def old_broker(tmp_path_factory):
    broker = KafkaBroker(tmp_path_factory.mktemp("old-kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def recorder():
    server = Recorder()
    yield server
    server.stop()


@pytest.fixture
def scale_suite(kafka, tmp_path):
    # Dedicated and pooled topics; one origin is called as much as it can take.
    settings = {
        "WEBSUB_MESSAGES_DEDICATED_LIMIT": str(TOPICS // 2),
        "WEBSUB_DISPATCHER_MAX_CONNECTIONS_PER_HOST": "200",
        "WEBSUB_LOG_LEVEL": "info",
    }
    with Suite(kafka.bootstrap, tmp_path, "migrate-scale-", settings=settings) as suite:
        yield suite.start()


def body(topic: str, number: int) -> bytes:
    return json.dumps({"topic": topic, "number": number, "text": planted.MARK}).encode()


def make_old_hub(client: dict[str, str], recorder: Recorder) -> tuple[OldHub, dict[str, list[bytes]]]:
    """And what each callback is still to get of it."""
    old = OldHub(client)
    waiting = {}
    topics = [f"partner-{number}/{new_topic('CREDENTIAL')}" for number in range(TOPICS)]
    old.add_topics(*topics)
    for index, topic in enumerate(topics):
        history = HISTORY if index == LONG else 0
        end = history + MESSAGES
        old.publish(topic, [body(topic, number) for number in range(end)])
        for number in range(SUBSCRIBERS):
            position = history + number % (MESSAGES + 1) if number else 0
            path = f"/{topic}/{number}"
            old.subscribe(topic, f"http://127.0.0.1:{recorder.port}{path}", committed={0: position})
            waiting[path] = [body(topic, rest) for rest in range(position, end)]
    old.write_lists()
    return old, waiting


def differences(recorder: Recorder, expected: dict[str, list[bytes]]) -> list[str]:
    got = dict(recorder.bodies)
    return [
        f"{path}: expected {len(bodies)} in order, got {got.get(path, [])}"
        for path, bodies in expected.items()
        if got.get(path, []) != bodies
    ][:10]


@pytest.mark.timeout(240)
def test_each_of_5000_subscribers_continues_at_its_next_message(
    kafka_view, old_broker, scale_suite, recorder, tmp_path
):
    old, expected = make_old_hub(old_broker.client, recorder)
    migration = Migration(scale_suite, old_broker, tmp_path)
    subscriptions = TOPICS * SUBSCRIBERS
    behind = sum(1 for bodies in expected.values() if bodies)

    before = kafka_view.record_counts("migrate-scale-")
    planned = migration.report("--dry-run")
    assert kafka_view.record_counts("migrate-scale-") == before
    assert planned["topics"]["new"] == TOPICS
    assert planned["subscriptions"]["new"] == subscriptions
    assert planned["subscriptions"]["without_position"] == 0
    assert planned["subscriptions"]["behind"] == behind
    assert planned["messages"]["to_copy"] == TOPICS * MESSAGES + HISTORY

    # Before anything, between two transactions of copies, and when all has been copied.
    for where in ("registering", f"topic {LONG + 5} of", "handing"):
        migration.kill_when_it_says(where)
    report = migration.report()
    assert report["complete"]
    assert report["topics"]["moved_before"] == TOPICS
    assert report["subscriptions"]["new"] + report["subscriptions"]["moved_before"] == subscriptions
    assert report["messages"]["copied"] < HISTORY

    hub = scale_suite.hub()
    for topic in old.topics:
        news = body(topic, -1)
        hub.publish(topic, news, "application/json").check_accepted()
        for number in range(SUBSCRIBERS):
            expected[f"/{topic}/{number}"].append(news)
    total = sum(map(len, expected.values()))
    wait_for(lambda: recorder.count >= total, lambda: f"{recorder.count} of {total} arrived", 90)
    assert differences(recorder, expected) == []

    kept = ("migrate-scale-messages-", "migrate-scale-migration")
    before = [kafka_view.record_counts(prefix) for prefix in kept]
    again = migration.report()
    assert again["topics"] | {"moved_before": TOPICS, "new": 0} == again["topics"]
    assert again["subscriptions"]["moved_before"] == subscriptions
    assert again["messages"] == {"to_copy": 0, "copied": 0, "expired": 0}
    assert [kafka_view.record_counts(prefix) for prefix in kept] == before
    imported = [
        record.json
        for record in kafka_view.records("migrate-scale-events")
        if record.json["type"] in ("subscription.imported", "topic.registered")
    ]
    assert len(imported) == subscriptions + TOPICS
    # Nobody is asked, and nothing comes twice: each gets the last message, and nothing else.
    for topic in old.topics[:5]:
        hub.publish(topic, body(topic, -2), "application/json").check_accepted()
        for number in range(SUBSCRIBERS):
            expected[f"/{topic}/{number}"].append(body(topic, -2))
    total = sum(map(len, expected.values()))
    wait_for(lambda: recorder.count >= total, lambda: f"{recorder.count} of {total} arrived", 60)
    assert differences(recorder, expected) == []
    hub.close()
