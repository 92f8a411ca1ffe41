"""websub migrate-mosip: what is moved, what is left alone, and what is said about it."""

import base64
import json
import time

import pytest

from harness import planted
from harness.ids import subscription_id
from harness.kafka import KafkaBroker
from harness.migration import Migration
from harness.old_hub import KEY, OldHub, cipher
from harness.settle import wait_signed_with, wait_silent
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

PARTITIONS = 8
PREFIX = "migrate-"
OUR_KEY = "2026=" + base64.b64encode(b"k" * 32).decode()

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_SECURITY_SECRET_KEYS": OUR_KEY,
    "WEBSUB_HUB_LEASE_SECONDS_MAX": "1000",
}


@pytest.fixture(scope="module")
def old_broker(tmp_path_factory):
    broker = KafkaBroker(tmp_path_factory.mktemp("old-kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def old_hub(old_broker):
    return OldHub(old_broker.client)


@pytest.fixture
def old(old_hub):
    old_hub.forget()
    return old_hub


@pytest.fixture(scope="module")
def migrate_suite(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("migrate"), PREFIX, settings=SETTINGS) as suite:
        yield suite.start()


@pytest.fixture
def new(migrate_suite):
    hub = migrate_suite.hub()
    yield hub
    hub.close()


@pytest.fixture
def migration(migrate_suite, old_broker, tmp_path):
    return Migration(migrate_suite, old_broker, tmp_path)


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "mosip.key"
    file.write_text(base64.b64encode(KEY).decode() + "\n")
    return str(file)


def bodies(*names: str) -> list[bytes]:
    return [json.dumps({"name": name, "mark": planted.MARK}).encode() for name in names]


def partner_topic() -> str:
    return f"partner-1/{new_topic('CREDENTIAL_ISSUED')}"


def state_of(kafka_view, topic: str, callback: str) -> dict | None:
    return kafka_view.last_value(f"{PREFIX}state", f"subscription:{subscription_id(topic, callback)}")


def reason_of(report: dict, callback: str) -> str | None:
    found = [one for one in report["subscription_list"] if one["callback"] == callback]
    return found[0].get("reason")


def test_messages_arrive_as_the_old_hub_would_have_sent_them(old, new, migration, subscriber):
    endpoint = subscriber.endpoint()
    topic, published = partner_topic(), bodies("confirmed", "first", "second")
    at_ms = int(time.time() * 1000) - 3_600_000
    old.add_topics(topic)
    old.publish(topic, published, at_ms=at_ms)
    old.subscribe(topic, endpoint.url, committed={0: 1}, lease="500")
    old.write_lists()

    report = migration.report()
    assert report["complete"] and report["messages"]["copied"] == 2
    new.publish(topic, bodies("news")[0], "application/json").check_accepted()
    endpoint.wait_bodies(published[1:] + bodies("news"))
    assert endpoint.verifications() == []
    for number, delivery in enumerate(endpoint.deliveries()[:2], 1):
        assert delivery.header("Content-Type") == "application/json"
        assert delivery.links()["self"] == [topic]
        assert delivery.header("webhook-timestamp") == str((at_ms + number) // 1000)
    assert len({delivery.message_id for delivery in endpoint.deliveries()}) == 3


def test_secrets_are_decrypted_and_encrypted_with_our_key(
    old, new, migration, subscriber, kafka_view, key_file
):
    sealed, plain, unread = (subscriber.endpoint(name) for name in ("sealed", "plain", "unread"))
    topic = partner_topic()
    old.add_topics(topic)
    old.subscribe(topic, sealed.url, committed={0: 0}, secret=cipher(planted.secret("sealed")))
    old.subscribe(topic, plain.url, committed={0: 0}, secret=planted.secret("plain"))
    old.subscribe(topic, unread.url, committed={0: 0}, secret=cipher("x", b"\7" * 32))
    old.publish(topic, bodies("one"))
    old.write_lists()

    without = migration.report("--dry-run", code=1)
    assert "--old-key-file" in reason_of(without, sealed.url)
    report = migration.report("--old-key-file", key_file, code=1)
    assert "cannot be decrypted" in reason_of(report, unread.url)
    assert report["subscriptions"]["left_out"] == 1
    for endpoint, name in ((sealed, "sealed"), (plain, "plain")):
        endpoint.wait_bodies(bodies("one"))
        assert endpoint.deliveries()[0].is_signed_with(planted.secret(name))
        assert state_of(kafka_view, topic, endpoint.url)["secret_key"] == "2026"
    assert unread.requests() == []


def test_what_moved_on_since_stays_as_it_is(old, new, migration, subscriber, kafka_view):
    renewed, left, stays = (subscriber.endpoint(name) for name in ("renewed", "left", "stays"))
    topic = partner_topic()
    old.add_topics(topic)
    for endpoint in (renewed, left, stays):
        old.subscribe(topic, endpoint.url, committed={0: 0}, secret=planted.secret("old"))
    old.publish(topic, bodies("one"))
    old.write_lists()
    assert migration.report()["subscriptions"]["new"] == 3
    for endpoint in (renewed, left, stays):
        endpoint.wait_bodies(bodies("one"))

    new.subscribe(topic, renewed.url, secret=planted.secret("new")).check_accepted(202)
    renewed.wait_verified()
    wait_for(lambda: "pending" not in state_of(kafka_view, topic, renewed.url), "renewed")
    new.unsubscribe(topic, left.url).check_accepted(202)
    left.wait_verified("unsubscribe")
    wait_for(lambda: state_of(kafka_view, topic, left.url) is None, "left has ended")
    wait_silent(new, topic, ended=left, witness=stays)
    wait_signed_with(new, topic, renewed, planted.secret("new"))

    again = migration.report()
    assert again["subscriptions"]["moved_before"] == 3 and again["subscriptions"]["new"] == 0
    assert again["messages"]["copied"] == 0
    new.publish(topic, bodies("two")[0], "application/json").check_accepted()
    renewed.wait_bodies(bodies("one", "two"))
    stays.wait_bodies(bodies("one", "two"))
    assert renewed.deliveries()[-1].is_signed_with(planted.secret("new"))
    assert left.bodies() == bodies("one")
    assert state_of(kafka_view, topic, left.url) is None


def test_a_topic_that_was_ended_here_stays_so(old, new, migration, subscriber):
    endpoint = subscriber.endpoint()
    topic = partner_topic()
    old.add_topics(topic)
    old.subscribe(topic, endpoint.url, committed={0: 0})
    old.write_lists()
    migration.report()
    new.deregister(topic).check_accepted()
    endpoint.wait_denied()
    again = migration.report()
    assert again["topics"]["moved_before"] == 1 and again["topics"]["new"] == 0
    assert again["topic_list"][0]["reason"] == "it was ended here since"
    assert again["subscriptions"]["moved_before"] == 1


def test_a_hub_that_runs_is_left_alone(old, migration, subscriber, kafka_view):
    endpoint = subscriber.endpoint()
    topic = partner_topic()
    old.add_topics(topic)
    old.publish(topic, bodies("one"))
    subscription = old.subscribe(topic, endpoint.url, committed={0: 0})
    old.write_lists()
    consumer = old.connect(subscription)
    try:
        assert migration.report("--dry-run")["old_hub_connected"] == 1
        refused = migration.run()
        assert refused.returncode == 3 and "is running" in refused.stderr
        assert state_of(kafka_view, topic, endpoint.url) is None
        assert migration.report("--while-running")["subscriptions"]["new"] == 1
    finally:
        consumer.close()
    endpoint.wait_bodies(bodies("one"))


def test_partitions_are_merged_by_time_and_nothing_is_left_out(old, new, migration, subscriber):
    all_of_it, some, none = (subscriber.endpoint(name) for name in ("all", "some", "none"))
    topic = partner_topic()
    at_ms = int(time.time() * 1000) - 100_000
    old.add_topics(topic, partitions=3)
    for partition in range(3):
        for number in range(3):
            name = bodies(f"{number * 3 + partition}")
            old.publish(topic, name, partition, at_ms + 1000 * (number * 3 + partition))
    old.subscribe(topic, all_of_it.url, committed={0: 0, 1: 0, 2: 0})
    old.subscribe(topic, some.url, committed={0: 2, 1: 2, 2: 1})
    old.subscribe(topic, none.url, committed={0: 3, 1: 3, 2: 3})
    old.write_lists()
    migration.report()
    all_of_it.wait_bodies(bodies(*"012345678"))
    some.wait_bodies(bodies(*"5678"))
    new.publish(topic, bodies("news")[0], "application/json").check_accepted()
    none.wait_bodies(bodies("news"))


def test_messages_that_came_late_are_copied_by_the_next_run(old, migration, subscriber):
    behind, ahead = subscriber.endpoint("behind"), subscriber.endpoint("ahead")
    topic = partner_topic()
    old.add_topics(topic)
    old.publish(topic, bodies("one"))
    old.subscribe(topic, behind.url, committed={0: 0})
    old.subscribe(topic, ahead.url, committed={0: 1})
    old.write_lists()
    migration.report()
    old.publish(topic, bodies("two"))
    newcomer = subscriber.endpoint("newcomer")
    old.subscribe(topic, newcomer.url, committed={0: 1})
    old.write_lists()
    report = migration.report()
    assert report["messages"]["copied"] == 1 and report["subscriptions"]["new"] == 1
    behind.wait_bodies(bodies("one", "two"))
    ahead.wait_bodies(bodies("two"))
    newcomer.wait_bodies(bodies("two"))
    assert migration.report()["messages"]["copied"] == 0


def test_what_was_published_here_meanwhile_is_not_missed(old, new, migration, subscriber):
    """A publisher was faster than the operator: the topic is registered, the subscribers follow."""
    endpoint = subscriber.endpoint()
    topic = partner_topic()
    old.add_topics(topic)
    old.publish(topic, bodies("one"))
    old.subscribe(topic, endpoint.url, committed={0: 1})
    old.write_lists()
    migration.kill_when_it_says("handing")
    new.publish(topic, bodies("here")[0], "application/json").check_accepted()
    migration.report()
    endpoint.wait_bodies(bodies("here"))


def test_the_old_hub_s_names(old, new, migration, subscriber):
    """It takes topics of one Kafka name for the same, and registers that name itself when it must."""
    slash, underscore, registered = (subscriber.endpoint(name) for name in ("slash", "under", "none"))
    topic = partner_topic()
    auto = "".join(c if c.isalnum() else "_" for c in topic)
    old.add_topics(auto)
    old.publish(topic, bodies("one"))
    old.subscribe(topic, slash.url, committed={0: 0}, group=None)  # as release 1.2.0 did
    old.subscribe(auto, underscore.url, committed={0: 0})
    old.subscribe(partner_topic(), registered.url)
    bad = old.subscribe(topic, "ftp://old.example/callback")
    old.write_lists()
    report = migration.report(code=1)
    assert report["subscriptions"] | {"new": 2, "left_out": 2} == report["subscriptions"]
    assert "not registered" in reason_of(report, registered.url)
    assert "callback" in reason_of(report, bad.callback)
    assert [one.get("same_as") for one in report["topic_list"]] == [None, auto]
    slash.wait_bodies(bodies("one"))
    underscore.wait_bodies(bodies("one"))
    new.publish(topic, bodies("two")[0], "application/json").check_accepted()
    slash.wait_bodies(bodies("one", "two"))
    text = migration.run().stdout
    assert "not registered" in text and "One topic to the old hub" in text


@pytest.mark.parametrize(("where", "expected"), [("end", ["news"]), ("start", ["one", "news"])])
def test_a_subscription_that_never_confirmed_a_message(old, new, migration, subscriber, where, expected):
    endpoint = subscriber.endpoint()
    topic = partner_topic()
    old.add_topics(topic)
    old.publish(topic, bodies("one"))
    old.subscribe(topic, endpoint.url)
    old.write_lists()
    report = migration.report("--uncommitted", where)
    assert report["subscriptions"]["without_position"] == 1
    new.publish(topic, bodies("news")[0], "application/json").check_accepted()
    endpoint.wait_bodies(bodies(*expected))


def test_leases_begin_now_within_the_bounds(old, migration, subscriber, kafka_view):
    topic = partner_topic()
    wanted = {"long": "1000000", "short": "500", "none": None, "odd": "soon"}
    endpoints = {name: subscriber.endpoint(name) for name in wanted}
    old.add_topics(topic)
    for name, lease in wanted.items():
        old.subscribe(topic, endpoints[name].url, committed={0: 0}, lease=lease)
    old.write_lists()
    before = int(time.time() * 1000)
    migration.report(settings={"WEBSUB_HUB_LEASE_SECONDS_DEFAULT": "700"})
    states = {name: state_of(kafka_view, topic, endpoints[name].url) for name in wanted}
    leases = {name: state["lease_seconds"] for name, state in states.items()}
    assert leases == {"long": 1000, "short": 500, "none": 700, "odd": 700}
    assert all(state["status"] == "active" for state in states.values())
    assert before <= states["short"]["verified_at"] <= time.time() * 1000


def test_problems_are_told(old, migration, migrate_suite, tmp_path):
    key = tmp_path / "key"
    key.write_text("too short")
    old.add_topics(partner_topic())
    old.write_lists()
    bad_key = migration.run("--old-key-file", str(key))
    assert bad_key.returncode == 2 and "32 bytes" in bad_key.stderr
    assert migration.run("--uncommitted", "middle").returncode == 2
    nothing = migration.run("--old-servers", migrate_suite.settings["WEBSUB_KAFKA_BOOTSTRAP_SERVERS"])
    assert nothing.returncode == 1 and "consolidated-websub-topics" in nothing.stderr
    assert migration.run("--dry-run").stdout.endswith("this was a dry run.\n")
