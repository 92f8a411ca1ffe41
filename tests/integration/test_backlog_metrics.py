"""How far behind subscriptions are, told apart by what there is to expect of them."""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.ids import subscription_id
from harness.kafka_view import KafkaView
from harness.metrics import metric
from harness.settle import subscribe
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import stays_false, wait_for

# Counted once a second.
COUNT = 20
PATIENT = "1h"


@pytest.fixture(scope="module")
def measured(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
        "WEBSUB_RETRY_GIVE_UP_AFTER": PATIENT,
        "WEBSUB_RETRY_MAX_INTERVAL": "500ms",
        # What a test holds back is no failure.
        "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": "2m",
        "WEBSUB_MESSAGES_LAYOUT": "dedicated",
    }
    directory = tmp_path_factory.mktemp("backlog")
    with Suite(kafka.bootstrap, directory, "backlog-", settings=settings) as suite:
        yield suite.start()


def sample(suite: Suite, name: str, health: str | None = None) -> float:
    labels = f'{{subscriptions="{health}"}}' if health else ""
    return metric(suite["dispatcher-0"], f"websub_dispatcher_{name}{labels}")


def wait_sample(suite: Suite, name: str, value: float, health: str | None = None) -> None:
    wait_for(
        lambda: sample(suite, name, health) == value,
        lambda: f"{name} of {health or 'all'} to be {value}, not {sample(suite, name, health)}",
        pause=0.1,
    )


def check_at_rest(suite: Suite) -> None:
    for health in ("healthy", "failing", "suspended"):
        for name in ("behind_subscriptions", "backlog_messages", "backlog_seconds"):
            wait_sample(suite, name, 0, health)
    for name in ("detached_subscriptions", "in_flight", "catch_up_waiting", "failing_subscriptions"):
        wait_sample(suite, name, 0)


def restart_dispatcher(suite: Suite, give_up_after: str) -> None:
    suite.terminate("dispatcher-0")
    suite["dispatcher-0"].env["WEBSUB_RETRY_GIVE_UP_AFTER"] = give_up_after
    suite.start("dispatcher-0")


def publish(suite: Suite, topic: str, count: int) -> list[bytes]:
    hub, bodies = suite.hub(), [planted.payload(f"{number}") for number in range(count)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    hub.close()
    return bodies


def test_slow_subscription_is_behind_but_healthy(measured, subscriber):
    endpoint, release = subscriber.endpoint(), threading.Event()
    topic = register_topic(measured.hub(), "slow")
    subscribe(measured.hub(), topic, endpoint)
    check_at_rest(measured)
    endpoint.on_delivery = hold(release, then=answer(200))
    bodies = publish(measured, topic, COUNT)
    wait_sample(measured, "backlog_messages", COUNT, "healthy")
    wait_sample(measured, "behind_subscriptions", 1, "healthy")
    wait_sample(measured, "in_flight", 1)
    wait_sample(measured, "detached_subscriptions", 1)
    wait_for(lambda: sample(measured, "backlog_seconds", "healthy") >= 2, "the age of the oldest one")
    release.set()
    endpoint.wait_bodies(bodies)
    check_at_rest(measured)


def test_failing_subscription_is_counted_apart_and_then_as_suspended(measured, subscriber):
    endpoint = subscriber.endpoint()
    topic = register_topic(measured.hub(), "failing")
    subscribe(measured.hub(), topic, endpoint)
    check_at_rest(measured)
    endpoint.on_delivery = answer(500)
    bodies = publish(measured, topic, COUNT)
    wait_sample(measured, "backlog_messages", COUNT, "failing")
    wait_sample(measured, "failing_subscriptions", 1)
    # Only now, so that it is failing for as long as it takes to see that.
    restart_dispatcher(measured, "1s")
    try:
        wait_sample(measured, "backlog_messages", COUNT, "suspended")
        wait_sample(measured, "behind_subscriptions", 1, "suspended")
        wait_for(lambda: sample(measured, "backlog_seconds", "suspended") >= 3, "the age of the oldest one")
        assert sample(measured, "backlog_messages", "failing") == 0
        assert sample(measured, "backlog_messages", "healthy") == 0
        endpoint.on_delivery = answer(200)
        endpoint.wait_bodies(bodies)
        check_at_rest(measured)
    finally:
        restart_dispatcher(measured, PATIENT)


def positions_told(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint) -> list[str]:
    """Whether it was to be seen apart from its shard ("detached") or with it, in order."""
    key = f"subscription:{subscription_id(topic, endpoint.url)}"
    kinds = [record.json["type"].partition(".")[2] for record in view.records(f"{suite.prefix}events", key)]
    return [kind for kind in kinds if kind in ("detached", "attached")]


def test_late_subscription_is_not_with_its_shard_before_it_has_caught_up(measured, kafka_view, subscriber):
    """Or it would hold back the shard's commits again and again."""
    endpoint, release = subscriber.endpoint(), threading.Event()
    topic = register_topic(measured.hub(), "late")
    subscribe(measured.hub(), topic, endpoint)
    endpoint.on_delivery = answer(500)
    bodies = publish(measured, topic, COUNT)
    wait_for(lambda: positions_told(measured, kafka_view, topic, endpoint), "it to be told apart", pause=0.1)
    endpoint.wait_attempts(len(endpoint.attempts()) + 8)  # some seconds
    endpoint.on_delivery = hold(release, then=answer(200))
    endpoint.wait_attempts(len(endpoint.attempts()) + 1)
    stays_false(lambda: positions_told(measured, kafka_view, topic, endpoint)[1:], "with its shard", 2)
    release.set()
    endpoint.wait_bodies(bodies)
    wait_for(
        lambda: positions_told(measured, kafka_view, topic, endpoint) == ["detached", "attached"],
        lambda: f"back with its shard, not {positions_told(measured, kafka_view, topic, endpoint)}",
        pause=0.1,
    )
