"""What the W3C Recommendation asks of a hub, one test per item: distribution, authenticated or not (36 - 46).

The item numbers are those of the list that the project keeps; the sections of the Recommendation are in
the docstrings. Light pings are in test_light_ping*.py.
"""

from urllib.parse import quote

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, first
from harness.settle import subscribe, wait_active, wait_silent

# --- Distribution [7, 8.3] ---


def test_items_36_37_38_full_payload_is_posted_to_the_exact_callback(hub, topic, subscriber):
    """[7] POST, the Content-Type of the topic, the full contents."""
    endpoint = subscriber.endpoint(query="a=1")
    subscribe(hub, topic, endpoint)
    body = planted.payload("x" * 10_000)
    content_type = 'application/json; profile="https://example.org/a;b"'
    hub.publish(topic, body, content_type).check_accepted()
    endpoint.wait_bodies([body])
    delivery = endpoint.deliveries()[0]
    assert delivery.method == "POST"
    assert delivery.target == f"{endpoint.path}?a=1"
    assert delivery.header_values("Content-Type") == [content_type]


def test_item_36_dots_in_the_callbacks_path_stay_where_they_are(hub, topic, subscriber):
    endpoint = subscriber.endpoint("a/../b/./c")
    subscribe(hub, topic, endpoint)
    body = planted.payload("dots")
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].target == endpoint.path


def test_item_39_one_link_header_names_hub_and_topic(hub, suite, topic, subscriber):
    """[7] At least one rel=hub and one rel=self; SHOULD be one header."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    delivery = endpoint.deliveries()[0]
    assert len(delivery.header_values("Link")) == 1
    assert delivery.links() == {"hub": [suite.public_url], "self": [topic]}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_item_40_2xx_confirms_a_delivery(hub, topic, subscriber, status):
    """[7] Delivered once, and the next message follows."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(status)
    bodies = [planted.payload("one"), planted.payload("two")]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    assert len(endpoint.attempts()) == 2


def test_item_40_410_ends_the_subscription(hub, topic, subscriber):
    """[7] MAY; and only that of this callback."""
    gone, witness = subscriber.endpoint("gone"), subscriber.endpoint("witness")
    for endpoint in (gone, witness):
        subscribe(hub, topic, endpoint)
    wait_active(hub, topic, gone, witness)  # or a warm-up for the witness is what `gone` answers 410
    gone.on_delivery = answer(410)
    hub.publish(topic, planted.payload("gone")).check_accepted()
    gone.wait_attempts(1)
    gone.on_delivery = answer(200)
    wait_silent(hub, topic, ended=gone, witness=witness)
    assert len(gone.attempts()) == 1


FAILURES = [301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 429, 500, 502, 503]


@pytest.mark.parametrize("status", FAILURES)
def test_items_41_43_anything_else_is_a_failure_and_retried(hub, topic, subscriber, status):
    """[7] 3xx included, which is not followed."""
    endpoint, elsewhere = subscriber.endpoint(), subscriber.endpoint("elsewhere")
    subscribe(hub, topic, endpoint)
    failure = answer(status, headers={"Location": elsewhere.url})
    endpoint.on_delivery = first(2, failure, then=answer(200))
    bodies = [planted.payload("retried"), planted.payload("next")]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    attempts = endpoint.attempts()
    assert [a.body for a in attempts] == [bodies[0]] * 3 + [bodies[1]]
    assert len({a.message_id for a in attempts[:3]}) == 1
    assert elsewhere.requests() == []


def test_item_41_dropped_connection_is_a_failure_and_retried(hub, topic, subscriber):
    """[7] No answer is no confirmation."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = first(2, drop_connection, then=answer(200))
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert len(endpoint.attempts()) >= 3


@pytest.mark.parametrize("body", [b"error: not stored", b"x" * 1_000_000], ids=["text", "1 MB"])
def test_item_42_body_of_the_subscribers_answer_is_ignored(hub, topic, subscriber, body):
    """[7]"""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(200, body)
    bodies = [planted.payload("one"), planted.payload("two")]
    for published in bodies:
        hub.publish(topic, published).check_accepted()
    endpoint.wait_bodies(bodies)


def test_item_44_subscription_outlives_failures(hub, topic, subscriber):
    """[7] Kept until the lease ends, and later updates are delivered, whatever failed before."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(500)
    bodies = [planted.payload(f"{number}") for number in range(3)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_attempts(6)
    assert {attempt.body for attempt in endpoint.attempts()} == {bodies[0]}, "order while failing"
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)


# --- Authenticated distribution [7.1] ---


def test_item_45_signature_only_with_a_secret(hub, topic, subscriber):
    """[7.1] method=hexdigest with a secret; no such header without."""
    signed, plain = subscriber.endpoint("signed"), subscriber.endpoint("plain")
    subscribe(hub, topic, signed, planted.secret())
    subscribe(hub, topic, plain)
    hub.publish(topic, planted.payload()).check_accepted()
    signed.wait_bodies([planted.payload()])
    plain.wait_bodies([planted.payload()])
    assert signed.deliveries()[0].is_signed_with(planted.secret())
    assert plain.deliveries()[0].header("X-Hub-Signature") is None


def test_item_46_signature_covers_the_exact_bytes(hub, topic, subscriber):
    """[7.1] Not a decoded, re-encoded or trimmed form of them."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret("ключ"))
    body = planted.payload() + b"\r\n\x00\xff\xfe " + quote("ü").encode()
    hub.publish(topic, body, "application/octet-stream").check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret("ключ"))
