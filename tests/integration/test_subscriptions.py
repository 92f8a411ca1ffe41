"""A subscription's life: where it begins, renews, lapses, resumes and ends, and which messages it gets."""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, echo_challenge, first, hold
from harness.history import History
from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.publisher import SteadyPublisher
from harness.settle import subscribe, wait_active, wait_silent
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import DEADLINE, stays_false, wait_for

RESUME_WINDOW = 1
MAX_INTERVAL = 5

# Seconds within which a dispatcher has surely looked up a topic's end again: it does so every 250 ms.
LOOKED_UP_AGAIN = 5

# Seconds. Whoever is to lapse gets it with a renewal, once all that needs it active has been seen.
SHORT_LEASE = 2
# Seconds after the end of a lease within which a consolidator ends it; a later end would go unnoticed.
SURELY_ENDED = 3


@pytest.fixture(scope="module")
def patient_suite(kafka, tmp_path_factory):
    """Short time-outs: what is patience in real life would be idling in a test. Nobody who answers at once is
    too late for them, however busy the machine."""
    settings = {
        "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": "3s",
        "WEBSUB_DISPATCHER_VERIFICATION_TIMEOUT": "3s",
        "WEBSUB_CONSOLIDATOR_RESUME_WINDOW": f"{RESUME_WINDOW}s",
        "WEBSUB_RETRY_MAX_INTERVAL": f"{MAX_INTERVAL}s",
    }
    directory = tmp_path_factory.mktemp("subscriptions")
    with Suite(kafka.bootstrap, directory, "subscriptions-", settings=settings) as suite:
        yield suite.start()


def publish(hub: HubClient, topic: str, *names: str) -> list[bytes]:
    bodies = [planted.payload(name) for name in names]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    return bodies


def renew(hub: HubClient, topic: str, endpoint: Endpoint, lease_seconds: int | None = None) -> None:
    """Returns when it is verified."""
    verified = len([r for r in endpoint.verifications("subscribe") if r.succeeded])
    hub.subscribe(topic, endpoint.url, lease_seconds=lease_seconds).check_accepted(202)
    endpoint.wait_verified(count=verified + 1)


def wait_seconds_after(at: float, seconds: float) -> None:
    wait_for(lambda: time.monotonic() > at + seconds, f"{seconds} s to pass", DEADLINE + seconds)


def test_new_subscription_begins_with_what_is_published_after_it(hub, topic, subscriber):
    publish(hub, topic, "long before")
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.wait_bodies(publish(hub, topic, "after"))


def test_messages_published_while_the_verification_is_pending_are_not_delivered(hub, topic, subscriber):
    """The position is the end of the topic when the verification succeeded.

    That moment can only be bracketed, and what lies within is delivered rather than lost: the subscriber may
    publish as soon as it has answered. While the answer takes long, the dispatcher looks the end up again.
    """
    endpoint, release = subscriber.endpoint(), threading.Event()
    endpoint.on_verification = hold(release, then=echo_challenge)
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    wait_for(endpoint.verifications, "the verification")
    publish(hub, topic, "pending 1", "pending 2")
    stays_false(lambda: endpoint.attempts() + endpoint.warm_ups(), "delivered unverified", LOOKED_UP_AGAIN)
    release.set()
    endpoint.wait_verified()
    wait_active(hub, topic, endpoint)
    endpoint.wait_bodies(publish(hub, topic, "after"))


def test_what_is_published_between_unsubscribing_and_subscribing_is_not_delivered(hub, topic, subscriber):
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    subscribe(hub, topic, endpoint)
    before = publish(hub, topic, "before")
    endpoint.wait_bodies(before)
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified("unsubscribe")
    wait_silent(hub, topic, ended=endpoint, witness=witness)
    between = publish(hub, topic, "between 1", "between 2")
    witness.wait_bodies(before + between)
    subscribe(hub, topic, endpoint)
    after = publish(hub, topic, "after")
    witness.wait_bodies(before + between + after)
    endpoint.wait_bodies(before + after)


def test_unsubscribing_something_unknown_is_verified_as_usual(hub, topic, subscriber):
    """The answer tells nobody who is subscribed, nor which topics there are."""
    for unsubscribed_topic in (topic, new_topic("unknown")):
        endpoint = subscriber.endpoint()
        hub.unsubscribe(unsubscribed_topic, endpoint.url).check_accepted(202)
        assert endpoint.wait_verified("unsubscribe").parameter("hub.topic") == unsubscribed_topic


def test_renewals_leave_no_gap_and_no_duplicate(suite, hub, topic, subscriber):
    """Renewed again and again, with another secret each time, while messages flow."""
    endpoint, history = subscriber.endpoint(), History(topic)
    subscribe(hub, topic, endpoint, planted.secret("0"))
    with SteadyPublisher(history, [suite.hub()]) as publisher:
        for number in range(1, 11):
            hub.subscribe(topic, endpoint.url, planted.secret(f"{number}")).check_accepted(202)
            endpoint.wait_verified(count=number + 1)
            publisher.wait_confirmed(10)
        wait_for(lambda: endpoint.deliveries()[-1].is_signed_with(planted.secret("10")), "the last secret")
    history.wait_arrived(endpoint)
    for delivery in endpoint.deliveries():
        assert any(delivery.is_signed_with(planted.secret(f"{number}")) for number in range(11)), delivery


def test_renewal_may_drop_and_add_the_secret(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret())

    def renewed(secret: str | None) -> bool:
        wait_active(hub, topic, endpoint)
        last = endpoint.warm_ups()[-1]
        return last.is_signed_with(secret) if secret else last.header("X-Hub-Signature") is None

    for number, secret in enumerate([None, planted.secret("new")]):
        hub.subscribe(topic, endpoint.url, secret).check_accepted(202)
        endpoint.wait_verified(count=number + 2)
        wait_for(lambda: renewed(secret), "the renewal in force")


def test_failed_renewal_leaves_the_old_lease_in_force(hub, topic, subscriber):
    """Neither shortened nor prolonged by a renewal that the subscriber did not confirm."""
    long, short = subscriber.endpoint("long"), subscriber.endpoint("short")
    for endpoint in (long, short):
        subscribe(hub, topic, endpoint)
    renew(hub, topic, short, SHORT_LEASE)
    for endpoint, lease_seconds in ((long, 1), (short, 3600)):
        endpoint.on_verification = answer(404)
        refused = len(endpoint.verifications()) + 1
        hub.subscribe(topic, endpoint.url, lease_seconds=lease_seconds).check_accepted(202)
        wait_for(lambda: len(endpoint.verifications()) >= refused, "the verification that fails")
    wait_silent(hub, topic, ended=short, witness=long)
    wait_seconds_after(long.verifications()[-1].at, 1 + SURELY_ENDED)
    wait_active(hub, topic, long)


def test_renewal_prolongs_the_lease(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    renew(hub, topic, endpoint, SHORT_LEASE)
    renew(hub, topic, endpoint, 3600)
    wait_seconds_after(endpoint.verifications()[-1].at, SHORT_LEASE + SURELY_ENDED)
    wait_active(hub, topic, endpoint)


def test_lapsed_subscription_continues_where_it_stood_when_it_comes_back(hub, topic, subscriber):
    """Within the resume window nothing is missed, however often messages were published meanwhile."""
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    subscribe(hub, topic, endpoint)
    before = publish(hub, topic, "before")
    endpoint.wait_bodies(before)
    renew(hub, topic, endpoint, SHORT_LEASE)
    wait_silent(hub, topic, ended=endpoint, witness=witness)
    lapsed = publish(hub, topic, "lapsed 1", "lapsed 2")
    witness.wait_bodies(before + lapsed)
    renew(hub, topic, endpoint)
    endpoint.wait_bodies(before + lapsed)
    endpoint.wait_bodies(before + lapsed + publish(hub, topic, "after"))


def test_unreachable_subscriber_gets_everything_when_it_is_back(hub, topic):
    """Its machine is down: connections are refused, then accepted again on the same port."""
    machine = Subscriber()
    try:
        endpoint = machine.endpoint()
        subscribe(hub, topic, endpoint, planted.secret())
        machine.stop()
        bodies = publish(hub, topic, *(f"{number}" for number in range(20)))
        machine.start()
        endpoint.wait_bodies(bodies)
    finally:
        machine.stop()


def test_hanging_subscriber_is_given_up_for_the_moment_and_tried_again(patient_suite, subscriber):
    """dispatcher.delivery_timeout"""
    hub, topic = patient_suite.hub(), new_topic("hanging")
    hub.register(topic).check_accepted()
    endpoint, release = subscriber.endpoint(), threading.Event()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = hold(release, then=answer(500))
    bodies = publish(hub, topic, "hanging")
    endpoint.wait_attempts(2)
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)
    release.set()


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_busy_subscriber_is_obeyed_within_bounds(patient_suite, subscriber, status):
    """It is not asked again before the time that it asks for, but within retry.max_interval at the latest."""
    hub, topic = patient_suite.hub(), new_topic("busy")
    hub.register(topic).check_accepted()
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    busy = [answer(status, headers={"Retry-After": seconds}) for seconds in ("2", "1000000")]
    endpoint.on_delivery = first(1, busy[0], then=first(1, busy[1], then=answer(200)))
    endpoint.wait_bodies(publish(hub, topic, "later"))
    asked = [attempt.at for attempt in endpoint.attempts()]
    assert len(asked) == 3
    assert asked[1] - asked[0] >= 1.9
    assert asked[2] - asked[1] >= MAX_INTERVAL * 0.9


def test_hanging_verification_fails_and_harms_nobody(patient_suite, subscriber):
    """dispatcher.verification_timeout"""
    hub, topic = patient_suite.hub(), new_topic("hanging")
    hub.register(topic).check_accepted()
    other, release = subscriber.endpoint(), threading.Event()
    for _ in range(20):
        hanging = subscriber.endpoint("hanging")
        hanging.on_verification = hold(release, then=answer(404))
        hub.subscribe(topic, hanging.url).check_accepted(202)
    subscribe(hub, topic, other)
    other.wait_bodies(publish(hub, topic, "healthy"))
    release.set()


def test_lapsed_beyond_the_resume_window_begins_anew(patient_suite, kafka_view, subscriber):
    """consolidator.resume_window"""
    hub, topic = patient_suite.hub(), new_topic("lapsed")
    hub.register(topic).check_accepted()
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    subscribe(hub, topic, endpoint)
    key = f"subscription:{subscription_id(topic, endpoint.url)}"

    def status() -> str | None:
        state = kafka_view.last_value(f"{patient_suite.prefix}state", key)
        return state["status"] if state else None

    renew(hub, topic, endpoint, SHORT_LEASE)
    wait_for(lambda: status() != "active", "the lease to end", pause=0.1)
    wait_silent(hub, topic, ended=endpoint, witness=witness)
    forgotten = publish(hub, topic, "while forgotten")
    witness.wait_bodies(forgotten)
    wait_for(lambda: status() is None, "the window to pass", pause=0.1)
    subscribe(hub, topic, endpoint)
    endpoint.wait_bodies(publish(hub, topic, "after"))
