"""A subscriber that fails for long is suspended, still probed, and catches up by itself or when told to."""

import json
import time

import pytest

from harness import planted
from harness.behaviours import answer
from harness.commands import Commands
from harness.hub_client import HubClient
from harness.ids import partition_of, subscription_id
from harness.kafka_view import KafkaView
from harness.settle import subscribe
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import DEADLINE, stays_false, wait_for

PARTITIONS = 8
GIVE_UP_AFTER = 1
MAX_INTERVAL = 1

SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_RETRY_GIVE_UP_AFTER": f"{GIVE_UP_AFTER}s",
    "WEBSUB_RETRY_MIN_INTERVAL": "200ms",
    "WEBSUB_RETRY_MAX_INTERVAL": f"{MAX_INTERVAL}s",
}

# A subscriber may ask for a pause so long that whatever comes within a test was not waited for.
LONG_PAUSES = {"WEBSUB_RETRY_MIN_INTERVAL": "100ms", "WEBSUB_RETRY_MAX_INTERVAL": "1h"}
ASK_FOR_LONG_PAUSE = answer(503, headers={"Retry-After": "3600"})


@pytest.fixture(scope="module")
def suspending(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("suspend"), "suspend-", settings=SETTINGS) as suite:
        yield suite


@pytest.fixture
def quick(suspending):
    return suspending.start()


@pytest.fixture(scope="module")
def long_pausing(kafka, tmp_path_factory):
    settings = SETTINGS | LONG_PAUSES
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("pause"), "pause-", settings=settings) as suite:
        yield suite


@pytest.fixture
def patient(long_pausing):
    return long_pausing.start()


def publish(hub: HubClient, topic: str, *names: str) -> list[bytes]:
    bodies = [planted.payload(name) for name in names]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    return bodies


def state_of(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint) -> dict | None:
    return view.last_value(f"{suite.prefix}state", f"subscription:{subscription_id(topic, endpoint.url)}")


def wait_status(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint, status: str) -> dict:
    def probe() -> dict | None:
        state = state_of(suite, view, topic, endpoint)
        return state if state and state["status"] == status else None

    return wait_for(probe, lambda: f"{status}, not {state_of(suite, view, topic, endpoint)}", pause=0.1)


def suspended_one(
    suite: Suite, view: KafkaView, endpoint: Endpoint, name: str, secret: str | None = None
) -> tuple[str, list[bytes]]:
    """A topic, and the messages that wait for its suspended subscription."""
    hub = suite.hub()
    topic = register_topic(hub, name)
    subscribe(hub, topic, endpoint, secret)
    endpoint.on_delivery = answer(500)
    waiting = publish(hub, topic, *(f"waiting {number}" for number in range(10)))
    wait_status(suite, view, topic, endpoint, "suspended")
    return topic, waiting


def suspended_for_long(
    suite: Suite, view: KafkaView, endpoint: Endpoint, name: str
) -> tuple[str, list[bytes]]:
    """The same, and the next probe is an hour ahead."""
    topic, waiting = suspended_one(suite, view, endpoint, name)
    endpoint.on_delivery = ASK_FOR_LONG_PAUSE
    wait_pausing(suite, view, topic, endpoint)
    return topic, waiting


def wait_pausing(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint, count: int = 1) -> None:
    """Until the dispatcher has taken so many answers that asked for a pause: on its way, one could still
    follow what ends the pause."""

    commands = Commands(suite, view, topic, PARTITIONS)

    def taken() -> bool:
        failures = commands.recorded(endpoint, "delivery.failed")
        return len([failure for failure in failures if failure.get("status") == 503]) >= count

    wait_for(taken, lambda: f"{count} probes that are told to pause{endpoint.describe()}", pause=0.2)


def test_suspension_is_told_in_state_log_and_attempts(quick, kafka_view, subscriber):
    endpoint = subscriber.endpoint()
    topic, _ = suspended_one(quick, kafka_view, endpoint, "told")
    suspended_at = time.monotonic()
    key = subscription_id(topic, endpoint.url)
    assert state_of(quick, kafka_view, topic, endpoint)["reason"] == "status_5xx"
    logged = quick["dispatcher-0"].events("subscription.suspended", subscription=key)
    assert [event["reason"] for event in logged] == ["status_5xx"]
    assert logged[0]["level"] == "warning"

    commands = Commands(quick, kafka_view, topic, PARTITIONS)

    def told() -> list[dict]:
        return commands.recorded(endpoint, "delivery.suspended")

    wait_for(told, "the suspension among the attempts", pause=0.2)
    assert len(told()) == 1
    assert suspended_at - endpoint.attempts()[0].at >= GIVE_UP_AFTER * 0.9, "suspended too early"


def test_suspended_subscription_is_probed_with_its_oldest_message(quick, kafka_view, subscriber):
    """Within retry.max_interval, for as long as it takes."""
    endpoint = subscriber.endpoint()
    topic, waiting = suspended_one(quick, kafka_view, endpoint, "probed")
    seen = len(endpoint.attempts())
    probes = endpoint.wait_attempts(seen + 4)[seen:]
    assert {probe.body for probe in probes} == {waiting[0]}
    assert len({probe.message_id for probe in probes}) == 1
    pauses = [later.at - earlier.at for earlier, later in zip(probes, probes[1:])]
    assert min(pauses) >= MAX_INTERVAL / 2 - 0.1, "probed more often than the pauses allow"
    failures = Commands(quick, kafka_view, topic, PARTITIONS).recorded(endpoint, "delivery.failed")
    assert max(failure["retry_in_ms"] for failure in failures) <= MAX_INTERVAL * 1000


def test_suspended_subscription_comes_back_by_itself(quick, kafka_view, subscriber):
    """Everything in order and once, and nobody else was slowed."""
    endpoint, other = subscriber.endpoint(), subscriber.endpoint("other")
    topic, waiting = suspended_one(quick, kafka_view, endpoint, "back", planted.secret())
    hub = quick.hub()
    subscribe(hub, topic, other)
    meanwhile = publish(hub, topic, "meanwhile 1", "meanwhile 2")
    other.wait_bodies(meanwhile)
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(waiting + meanwhile)
    assert all(delivery.is_signed_with(planted.secret()) for delivery in endpoint.deliveries())
    assert "reason" not in wait_status(quick, kafka_view, topic, endpoint, "active")
    after = publish(hub, topic, "after")
    endpoint.wait_bodies(waiting + meanwhile + after)
    other.wait_bodies(meanwhile + after)


def test_renewal_of_a_suspended_subscription_is_followed_by_an_immediate_catch_up(
    patient, kafka_view, subscriber
):
    """P5: not after the pause, which would be an hour."""
    endpoint = subscriber.endpoint()
    topic, waiting = suspended_for_long(patient, kafka_view, endpoint, "renewed")
    endpoint.on_delivery = answer(200)
    patient.hub().subscribe(topic, endpoint.url, planted.secret()).check_accepted(202)
    endpoint.wait_verified(count=2)
    endpoint.wait_bodies(waiting)
    assert all(delivery.is_signed_with(planted.secret()) for delivery in endpoint.deliveries())
    wait_status(patient, kafka_view, topic, endpoint, "active")


def command_resume(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint) -> None:
    """What an operator's tool writes."""
    key = f"subscription:{subscription_id(topic, endpoint.url)}"
    event = {
        "v": 1,
        "type": "delivery.resume",
        "at": int(time.time() * 1000),
        "topic": topic,
        "callback": endpoint.url,
    }
    view.produce(f"{suite.prefix}events", partition_of(key, PARTITIONS), key, json.dumps(event).encode())


def test_operators_command_is_followed_by_an_immediate_catch_up(patient, kafka_view, subscriber):
    endpoint = subscriber.endpoint()
    topic, waiting = suspended_for_long(patient, kafka_view, endpoint, "resumed")
    seen = len(endpoint.attempts())
    stays_false(lambda: len(endpoint.attempts()) > seen, "tried again before it was told to", 1)
    command_resume(patient, kafka_view, topic, endpoint)
    probe = endpoint.wait_attempts(seen + 1)[-1]
    assert probe.body == waiting[0] and endpoint.bodies() == []
    wait_pausing(patient, kafka_view, topic, endpoint, count=2)
    endpoint.on_delivery = answer(200)
    command_resume(patient, kafka_view, topic, endpoint)
    endpoint.wait_bodies(waiting)
    wait_status(patient, kafka_view, topic, endpoint, "active")


def test_unsubscribing_while_suspended_works(quick, kafka_view, subscriber):
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    topic, waiting = suspended_one(quick, kafka_view, endpoint, "left")
    hub = quick.hub()
    subscribe(hub, topic, witness)
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified("unsubscribe")
    wait_for(lambda: state_of(quick, kafka_view, topic, endpoint) is None, "the state record gone", pause=0.1)
    witness.wait_bodies(publish(hub, topic, "in between"))
    # What it missed would be refused, and be before the warm-ups of the new subscription.
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(200)
    after = publish(hub, topic, "after")
    endpoint.wait_bodies(after)


@pytest.mark.parametrize("how", ["SIGTERM", "kill -9"])
def test_suspended_subscription_outlives_a_restart_of_everything(quick, kafka_view, subscriber, how):
    """Still suspended, still probed, and it catches up where it stood."""
    endpoint, before = subscriber.endpoint(), [planted.payload("before")]
    hub = quick.hub()
    topic = register_topic(hub, "restarted")
    subscribe(hub, topic, endpoint, planted.secret())
    hub.publish(topic, before[0]).check_accepted()
    endpoint.wait_bodies(before)
    endpoint.on_delivery = answer(500)
    waiting = publish(hub, topic, *(f"waiting {number}" for number in range(10)))
    wait_status(quick, kafka_view, topic, endpoint, "suspended")
    if how == "SIGTERM":
        quick.terminate()
    else:
        quick.kill()
    seen = len(endpoint.attempts())
    quick.start()
    probes = endpoint.wait_attempts(seen + 2, timeout=DEADLINE)[seen:]
    assert {probe.body for probe in probes} == {waiting[0]}
    assert state_of(quick, kafka_view, topic, endpoint)["status"] == "suspended"
    meanwhile = publish(quick.hub(), topic, "meanwhile")
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(before + waiting + meanwhile)
    wait_status(quick, kafka_view, topic, endpoint, "active")
