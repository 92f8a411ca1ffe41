"""security.secret_keys: no secret lies in Kafka in clear, keys can be replaced, nothing goes out unsigned."""

import base64
import json
import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.ids import partition_of, subscription_id
from harness.kafka_view import KafkaView
from harness.metrics import metric
from harness.program import KINDS, run_to_end
from harness.settle import subscribe, wait_active
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

PARTITIONS = 8
SETTING = "WEBSUB_SECURITY_SECRET_KEYS"


def key(name: str, byte: int) -> str:
    return f"{name}=" + base64.b64encode(bytes([byte]) * 32).decode()


OLD, NEW, OTHER = key("old", 1), key("new", 2), key("other", 3)

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_RETRY_MIN_INTERVAL": "100ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "500ms",
    # Programs are told to stop, never killed: on a slow machine, too, nobody is to take them for dead.
    "WEBSUB_KAFKA_SESSION_TIMEOUT": "30s",
    # The consolidator encrypts anew whatever it writes: no record is to be written for being slow.
    "WEBSUB_DISPATCHER_DETACH_AFTER": "10m",
}
GIVE_UP_AFTER = "1s"


@pytest.fixture(scope="module")
def module_suite(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("secrets"), "secrets-", settings=SETTINGS) as suite:
        yield suite


@pytest.fixture
def keyed(module_suite):
    """Not running yet: each test says which keys there are."""
    module_suite.terminate()
    for program in module_suite.programs.values():
        program.env["WEBSUB_RETRY_ON_EXHAUSTED"] = "suspend"
        program.env["WEBSUB_RETRY_GIVE_UP_AFTER"] = GIVE_UP_AFTER
    return module_suite


def restart(suite: Suite, *keys: str, only: tuple[str, ...] = ()) -> None:
    """The programs (all of them, if none are named) run with these keys afterwards."""
    names = only or tuple(suite.programs)
    suite.terminate(*names)
    for name in names:
        suite[name].env[SETTING] = ";".join(keys)
    suite.start()


def publish(suite: Suite, topic: str, *names: str) -> list[bytes]:
    bodies = [planted.payload(name) for name in names]
    for body in bodies:
        suite.hub().publish(topic, body).check_accepted()
    return bodies


def new_subscription(suite: Suite, endpoint: Endpoint, name: str) -> str:
    hub = suite.hub()
    topic = register_topic(hub, name)
    subscribe(hub, topic, endpoint, planted.secret(name))
    return topic


def check_signed(endpoint: Endpoint, name: str) -> None:
    for request in endpoint.attempts() + endpoint.warm_ups():
        assert request.is_signed_with(planted.secret(name)), request


def entity_key(topic: str, endpoint: Endpoint) -> str:
    return f"subscription:{subscription_id(topic, endpoint.url)}"


def state_of(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint) -> dict:
    return view.last_value(f"{suite.prefix}state", entity_key(topic, endpoint)) or {}


def wait_state(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint, **members: object) -> dict:
    def probe() -> dict | None:
        state = state_of(suite, view, topic, endpoint)
        return state if members.items() <= state.items() else None

    return wait_for(probe, lambda: f"{members} in {state_of(suite, view, topic, endpoint)}", pause=0.1)


def rewrite(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint) -> None:
    """Has the consolidator write the subscription's record, as any event about it would."""
    event = {
        "v": 1,
        "type": "delivery.resume",
        "at": int(time.time() * 1000),
        "topic": topic,
        "callback": endpoint.url,
    }
    name = entity_key(topic, endpoint)
    view.produce(f"{suite.prefix}events", partition_of(name, PARTITIONS), name, json.dumps(event).encode())


def test_no_record_holds_a_secret_in_clear(keyed, kafka_view, subscriber):
    restart(keyed, OLD)
    hub, endpoint, failing = keyed.hub(), subscriber.endpoint(), subscriber.endpoint("failing")
    topic = new_subscription(keyed, endpoint, "clear")
    subscribe(hub, topic, failing, planted.secret("failing"))
    failing.on_delivery = answer(500)
    waiting, release = subscriber.endpoint("waiting"), threading.Event()
    waiting.on_verification = hold(release, then=answer(404))
    hub.subscribe(topic, waiting.url, planted.secret("waiting")).check_accepted(202)
    pending = wait_state(keyed, kafka_view, topic, waiting, status="requested")["pending"][0]
    assert pending["secret_key"] == "old"
    bodies = publish(keyed, topic, "one", "two")
    endpoint.wait_bodies(bodies)
    check_signed(endpoint, "clear")
    wait_state(keyed, kafka_view, topic, failing, status="suspended", secret_key="old")
    release.set()

    records = [
        record
        for name in ("events", "state", "attempts", "dead-letters")
        for record in kafka_view.records(f"{keyed.prefix}{name}")
    ]
    for secret in ("clear", "failing", "waiting"):
        clear = planted.secret(secret).encode()
        for record in records:
            assert clear not in (record.value or b""), f"{record.topic}: {record.key}"
    named = [record for record in records if b'"secret_key":"old"' in (record.value or b"")]
    assert {record.topic for record in named} == {f"{keyed.prefix}events", f"{keyed.prefix}state"}


def test_keys_are_replaced_one_after_the_other(keyed, kafka_view, subscriber):
    restart(keyed, OLD)
    renewed, rewritten = subscriber.endpoint("renewed"), subscriber.endpoint("rewritten")
    topic = new_subscription(keyed, renewed, "rotated")
    subscribe(keyed.hub(), topic, rewritten, planted.secret("rotated"))
    # Both have everything: else the hand-over has the position of who is ahead written down.
    wait_active(keyed.hub(), topic, renewed, rewritten)
    restart(keyed, OLD, NEW)
    restart(keyed, NEW, OLD)
    for endpoint in (renewed, rewritten):
        assert state_of(keyed, kafka_view, topic, endpoint)["secret_key"] == "old"
    before = publish(keyed, topic, "read with the old key")
    for endpoint in (renewed, rewritten):
        endpoint.wait_bodies(before)

    keyed.hub().subscribe(topic, renewed.url, planted.secret("rotated")).check_accepted(202)
    rewrite(keyed, kafka_view, topic, rewritten)
    for endpoint in (renewed, rewritten):
        wait_state(keyed, kafka_view, topic, endpoint, status="active", secret_key="new")
    for record in (r for r in kafka_view.records(f"{keyed.prefix}state") if r.value):
        if record.json.get("secret_key") == "old":  # of other tests
            rewrite_record(keyed, kafka_view, record.json)
    consolidator = keyed["consolidator-0"]
    wait_for(
        lambda: metric(consolidator, 'websub_consolidator_secrets{key="old"}') == 0,
        "no secret under the old key",
    )
    assert metric(consolidator, 'websub_consolidator_secrets{key="new"}') >= 2

    restart(keyed, NEW)
    after = publish(keyed, topic, "without the old key")
    for endpoint in (renewed, rewritten):
        endpoint.wait_bodies(before + after)
        check_signed(endpoint, "rotated")


def rewrite_record(suite: Suite, view: KafkaView, state: dict) -> None:
    rewrite(suite, view, state["topic"], Endpoint(state["callback"]))


def failures_for_want_of_a_key(suite: Suite, topic: str, endpoint: Endpoint) -> list[dict]:
    name = subscription_id(topic, endpoint.url)
    return suite["dispatcher-0"].events("delivery.failed", subscription=name, reason="secret_key")


@pytest.mark.parametrize("policy", ["suspend", "dead-letter"])
def test_without_the_key_everything_waits_and_arrives_when_it_is_back(keyed, kafka_view, subscriber, policy):
    for program in keyed.programs.values():
        program.env["WEBSUB_RETRY_ON_EXHAUSTED"] = policy
    restart(keyed, OLD)
    endpoint, unsigned = subscriber.endpoint(), subscriber.endpoint("unsigned")
    topic = new_subscription(keyed, endpoint, "missing")
    subscribe(keyed.hub(), topic, unsigned)
    before = publish(keyed, topic, "before")
    for each in (endpoint, unsigned):
        each.wait_bodies(before)

    restart(keyed, OTHER)
    seen = len(endpoint.requests())
    waiting = publish(keyed, topic, *(f"waiting {number}" for number in range(10)))
    unsigned.wait_bodies(before + waiting)
    state = wait_state(keyed, kafka_view, topic, endpoint, status="suspended", reason="secret_key")
    assert state["secret_key"] == "old", "what cannot be read is kept"
    assert failures_for_want_of_a_key(keyed, topic, endpoint)
    locked = keyed["dispatcher-0"].events("subscription.secret_locked", key="old")
    assert locked and "secret_keys" in locked[0]["reason"]
    name = subscription_id(topic, endpoint.url)

    def recorded() -> list[dict]:
        records = [record.json for record in kafka_view.records(f"{keyed.prefix}attempts", name)]
        return [record for record in records if record["reason"] == "secret_key"]

    wait_for(lambda: len(recorded()) >= 2, "the attempts on record", pause=0.2)
    assert kafka_view.records(f"{keyed.prefix}dead-letters", name) == []
    assert len(endpoint.requests()) == seen

    restart(keyed, OTHER, OLD)
    endpoint.wait_bodies(before + waiting)
    check_signed(endpoint, "missing")
    wait_state(keyed, kafka_view, topic, endpoint, status="active")


def test_a_renewal_under_a_key_that_is_there_frees_what_waited(keyed, kafka_view, subscriber):
    restart(keyed, OLD)
    endpoint = subscriber.endpoint()
    topic = new_subscription(keyed, endpoint, "renewed")
    restart(keyed, OTHER)
    waiting = publish(keyed, topic, "waiting 1", "waiting 2")
    wait_for(lambda: failures_for_want_of_a_key(keyed, topic, endpoint), "an attempt that fails")
    assert endpoint.attempts() == []
    keyed.hub().subscribe(topic, endpoint.url, planted.secret("renewed")).check_accepted(202)
    endpoint.wait_bodies(waiting)
    check_signed(endpoint, "renewed")


def test_a_secret_that_was_moved_from_another_subscription_is_not_used(keyed, kafka_view, subscriber):
    # A suspension would have the consolidator write the record as it knows it.
    for program in keyed.programs.values():
        program.env["WEBSUB_RETRY_GIVE_UP_AFTER"] = "1h"
    restart(keyed, OLD)
    endpoint, other = subscriber.endpoint(), subscriber.endpoint("other")
    topic = new_subscription(keyed, endpoint, "mine")
    subscribe(keyed.hub(), topic, other, planted.secret("other"))
    state = state_of(keyed, kafka_view, topic, endpoint)
    state["secret"] = state_of(keyed, kafka_view, topic, other)["secret"]
    name = entity_key(topic, endpoint)
    partition = partition_of(name, PARTITIONS)
    kafka_view.produce(f"{keyed.prefix}state", partition, name, json.dumps(state).encode())
    locked = keyed["dispatcher-0"].events
    wait_for(
        lambda: locked("subscription.secret_locked", subscription=subscription_id(topic, endpoint.url)),
        "the secret refused",
    )
    waiting = publish(keyed, topic, "waiting 1", "waiting 2")
    other.wait_bodies(waiting)
    wait_for(lambda: failures_for_want_of_a_key(keyed, topic, endpoint), "an attempt that fails")
    assert endpoint.attempts() == []
    rewrite(keyed, kafka_view, topic, endpoint)  # as the consolidator knows it
    endpoint.wait_bodies(waiting)
    check_signed(endpoint, "mine")


def test_plain_secrets_from_before_go_on_and_are_encrypted_when_they_are_written(
    keyed, kafka_view, subscriber
):
    restart(keyed)
    endpoint = subscriber.endpoint()
    topic = new_subscription(keyed, endpoint, "plain")
    state = state_of(keyed, kafka_view, topic, endpoint)
    assert state["secret"] == planted.secret("plain") and "secret_key" not in state
    restart(keyed, OLD)
    bodies = publish(keyed, topic, "with keys")
    endpoint.wait_bodies(bodies)
    plain = 'websub_consolidator_secrets{key="(none)"}'
    wait_for(lambda: metric(keyed["consolidator-0"], plain) >= 1, "a secret that is not encrypted")
    rewrite(keyed, kafka_view, topic, endpoint)
    encrypted = wait_state(keyed, kafka_view, topic, endpoint, secret_key="old")
    assert planted.MARK not in encrypted["secret"]
    endpoint.wait_bodies(bodies + publish(keyed, topic, "encrypted"))
    check_signed(endpoint, "plain")


# What must not be shown, and what must be said.
BAD_KEYS = {
    "not base64": ("id=hunter2hunter2", "32 bytes"),
    "too short": ("id=aHVudGVyMg==", "32 bytes"),
    "no id": (OLD.partition("=")[2], "32 bytes"),
    "id with blanks": (f"hunter 2={OLD.partition('=')[2]}", "letters"),
    "twice": (OLD, "same id"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad, said", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_stops_the_start_and_is_not_shown(kind, bad, said):
    settings = {
        "WEBSUB_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "WEBSUB_AUTH_MODE": "none",
        SETTING: f"{OLD};{bad}",
    }
    for arguments in (["--check-config"], []):
        done = run_to_end(kind, *arguments, settings=settings)
        assert done.returncode == 2, done.stderr
        assert "security.secret_keys: item 2" in done.stderr and said in done.stderr
        for part in (bad, bad.partition("=")[2] or "hunter", "hunter"):
            assert part not in done.stderr + done.stdout


def test_keys_may_lie_in_a_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")
    settings = {"WEBSUB_AUTH_MODE": "none", SETTING: f"file:{file}"}
    assert run_to_end("hub", "--check-config", settings=settings).returncode == 0
    file.write_text(f"{NEW}\nold=hunter2\n")
    done = run_to_end("hub", "--check-config", settings=settings)
    assert done.returncode == 2 and "item 2" in done.stderr and "hunter2" not in done.stderr


def test_keys_are_not_logged(keyed):
    restart(keyed, OLD)
    secret = OLD.partition("=")[2]
    for program in keyed.programs.values():
        assert program.log() and secret not in program.log()
