"""How far behind subscriptions are, told apart by what there is to expect of them."""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.metrics import metric
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

# Counted once a second.
COUNT = 20


@pytest.fixture(scope="module")
def measured(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_DISPATCHER_DETACH_AFTER": "1s",
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
    measured.terminate("dispatcher-0")
    measured["dispatcher-0"].env["WEBSUB_RETRY_GIVE_UP_AFTER"] = "1s"
    measured.start("dispatcher-0")
    wait_sample(measured, "backlog_messages", COUNT, "suspended")
    wait_sample(measured, "behind_subscriptions", 1, "suspended")
    wait_for(lambda: sample(measured, "backlog_seconds", "suspended") >= 3, "the age of the oldest one")
    assert sample(measured, "backlog_messages", "failing") == 0
    assert sample(measured, "backlog_messages", "healthy") == 0
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)
    check_at_rest(measured)
