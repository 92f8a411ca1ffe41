"""Waits until a subscription has begun or ended, by the only sign that the outside has: messages.

A subscription is active some milliseconds after the subscriber confirmed it, and nothing tells when.
Hence warm-up messages are published until one arrives; their Content-Type keeps them out of
Endpoint.deliveries().
"""

import itertools
import time

from . import planted
from .hub_client import Answer, HubClient
from .subscriber import WARM_UP, Endpoint
from .wait import DEADLINE, wait_for

_numbers = itertools.count(1)


def _publish_warm_up(hub: HubClient, topic: str) -> str:
    """Returns its message id."""
    body = planted.payload(f"warm-up {next(_numbers)}")
    return hub.publish(topic, body, WARM_UP).check_accepted().message_id


def _arrives(endpoint: Endpoint, message_id: str, within: float) -> bool:
    """Whether a warm-up arrives in that time, and is answered: it does not come again if we end then."""
    deadline = time.monotonic() + within
    while not any(r.message_id == message_id and r.answered for r in endpoint.warm_ups()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def wait_active(hub: HubClient, topic: str, *endpoints: Endpoint, timeout: float = DEADLINE) -> None:
    """Returns when a message published now arrives at every endpoint, and nothing older is under way."""
    deadline = time.monotonic() + timeout
    for endpoint in endpoints:
        while not _arrives(endpoint, _publish_warm_up(hub, topic), within=0.25):
            assert time.monotonic() < deadline, (
                f"no message arrives on topic {topic} within {timeout:g} s{endpoint.describe()}"
            )
    last = _publish_warm_up(hub, topic)
    for endpoint in endpoints:
        assert _arrives(endpoint, last, timeout), f"the last warm-up is missing{endpoint.describe()}"


def wait_silent(
    hub: HubClient, topic: str, ended: Endpoint, witness: Endpoint, timeout: float = DEADLINE
) -> None:
    """Returns when messages published now arrive at the witness but no longer at the ended one.

    Both must be subscribed to the topic at first; the witness shows that messages do flow.
    """
    deadline = time.monotonic() + timeout
    silent_in_a_row = 0
    while silent_in_a_row < 2:
        message_id = _publish_warm_up(hub, topic)
        assert _arrives(witness, message_id, DEADLINE), f"a warm-up is missing{witness.describe()}"
        silent_in_a_row = 0 if _arrives(ended, message_id, within=0.7) else silent_in_a_row + 1
        assert time.monotonic() < deadline, (
            f"messages of {topic} still arrive after {timeout:g} s{ended.describe()}"
        )


def wait_signed_with(hub: HubClient, topic: str, endpoint: Endpoint, secret: str) -> None:
    """Returns when messages published now arrive signed with that secret."""

    def probe() -> bool:
        wait_active(hub, topic, endpoint)
        return endpoint.warm_ups()[-1].is_signed_with(secret)

    wait_for(probe, lambda: f"deliveries signed with the new secret{endpoint.describe()}")


def request(hub: HubClient, topic: str, endpoint: Endpoint, *details: object) -> Answer:
    """Of a subscription; comes again as long as the hub asks for that: consolidators that have just started,
    on a new Kafka, say, may take longer to fold an event than the hub waits for it."""

    def ask() -> Answer | None:
        answer = hub.subscribe(topic, endpoint.url, *details)
        return None if answer.status == 503 and answer.header("Retry-After") else answer

    return wait_for(ask, f"an answer but 503 to a subscription to {topic}", pause=1.0)


def subscribe(
    hub: HubClient,
    topic: str,
    endpoint: Endpoint,
    secret: str | None = None,
    lease_seconds: int | None = None,
) -> None:
    """A new subscription, active when this returns."""
    verified = len([r for r in endpoint.verifications("subscribe") if r.succeeded])
    request(hub, topic, endpoint, secret, lease_seconds).check_accepted(202)
    endpoint.wait_verified(count=verified + 1)
    wait_active(hub, topic, endpoint)
