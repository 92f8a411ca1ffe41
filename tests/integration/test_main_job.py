"""The main job, as real users have it: a credential event and a feed entry, from publisher to subscriber."""

import json

import pytest

from harness import planted
from harness.behaviours import answer
from harness.settle import subscribe

pytestmark = pytest.mark.smoke

ATOM_ENTRY = f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>Münchner Nachrichten</title>
  <entry><id>urn:uuid:1</id><title>{planted.MARK}</title><updated>2024-01-01T00:00:00Z</updated></entry>
</feed>
""".encode()

CREDENTIAL_EVENT = json.dumps(
    {"id": "1", "topic": "partner/CREDENTIAL_ISSUED", "event": {"data": {"credential": planted.MARK}}}
).encode()


@pytest.mark.parametrize(
    "content_type, body",
    [("application/json", CREDENTIAL_EVENT), ("application/atom+xml", ATOM_ENTRY)],
    ids=["credential event", "atom entry"],
)
def test_message_is_delivered_as_published_and_signed(hub, topic, subscriber, content_type, body):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret())
    published = hub.publish(topic, body, content_type).check_accepted()
    endpoint.wait_bodies([body])
    delivery = endpoint.deliveries()[0]
    assert delivery.header("Content-Type") == content_type
    assert delivery.is_signed_with(planted.secret())
    assert delivery.message_id == published.message_id


def test_messages_arrive_in_order_and_once_at_every_subscriber(hub, topic, subscriber):
    endpoints = [subscriber.endpoint() for _ in range(5)]
    for endpoint in endpoints:
        subscribe(hub, topic, endpoint, planted.secret(endpoint.path))
    bodies = [planted.payload(f"{number}") for number in range(200)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    for endpoint in endpoints:
        endpoint.wait_bodies(bodies)
        assert all(d.is_signed_with(planted.secret(endpoint.path)) for d in endpoint.deliveries())
        assert len({d.message_id for d in endpoint.deliveries()}) == len(bodies)


def test_message_published_at_any_replica_is_delivered(suite, hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    other_hub = suite.hub(1)
    bodies = []
    for number in range(20):
        bodies.append(planted.payload(f"{number}"))
        (hub, other_hub)[number % 2].publish(topic, bodies[-1]).check_accepted()
    endpoint.wait_bodies(bodies)


def test_plain_topic_names_work_as_urls_do(hub, subscriber):
    """MOSIP's topics are names such as partner/CREDENTIAL_ISSUED."""
    topic = "mpartner-default-auth/CREDENTIAL_ISSUED"
    endpoint = subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, CREDENTIAL_EVENT, "application/json").check_accepted()
    endpoint.wait_bodies([CREDENTIAL_EVENT])
    assert endpoint.deliveries()[0].links()["self"] == [topic]


def test_failing_subscriber_gets_everything_later_and_slows_nobody(hub, topic, subscriber):
    failing, healthy = subscriber.endpoint("failing"), subscriber.endpoint("healthy")
    for endpoint in (failing, healthy):
        subscribe(hub, topic, endpoint)
    failing.on_delivery = answer(500)
    bodies = [planted.payload(f"{number}") for number in range(50)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    healthy.wait_bodies(bodies)
    assert failing.bodies() == []
    failing.on_delivery = answer(200)
    failing.wait_bodies(bodies)
