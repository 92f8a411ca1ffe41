"""The hub tests 100 to 106 of websub.rocks, made anew: a topic of each kind of content is subscribed to,
changed, and pinged without content; what arrives is compared with the topic itself."""

import pytest

from harness import planted
from harness.settle import wait_active, wait_silent
from harness.site import ATOM, HTML, JSON, TEXT, Page
from harness.subscriber import Endpoint
from harness.wait import stays_false

# As long as websub.rocks waits until it believes that nothing comes any more.
SILENCE = 15.0


def feed(text: str) -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Births</title><id>urn:births</id>
<updated>2026-11-24T10:00:00Z</updated>
<entry><id>urn:birth:{text}</id><title>{planted.MARK}</title><content type="text">{text} é</content></entry>
</feed>
""".encode()


def page(text: str) -> bytes:
    return f"<!doctype html><html><head><title>x</title></head><body><p>{planted.MARK} {text} ü</p>".encode()


KINDS = {
    "atom": (ATOM, feed),
    "html": (HTML, page),
    "text": (TEXT, lambda text: planted.payload(text)),
    "json": (JSON, lambda text: f'{{"{planted.MARK}": ["{text}"]}}'.encode()),
}


@pytest.fixture(params=KINDS)
def topic(hub, subscriber, request):
    """A page of each kind; it is another with each `change("…")`."""
    content_type, make = KINDS[request.param]
    topic = Page(subscriber, make("first"), content_type)
    topic.make = make
    hub.register(topic.url).check_accepted()
    return topic


def subscribe(hub, topic: Page, endpoint: Endpoint, secret: str | None = None, extra=None) -> None:
    hub.subscribe(topic.url, endpoint.url, secret, 3600, extra).check_accepted(202)
    endpoint.wait_verified()
    wait_active(hub, topic.url, endpoint)


def publish(hub, topic: Page, text: str) -> bytes:
    topic.change(topic.make(text))
    assert hub.ping(topic.url).status == 204
    return topic.body


def check(hub, topic: Page, endpoint: Endpoint, bodies: list[bytes]) -> None:
    """Exactly these have arrived, as the topic's server sent them."""
    endpoint.wait_bodies(bodies)
    for delivery in endpoint.deliveries():
        assert delivery.header("Content-Type") == topic.content_type
        links = delivery.links()
        assert links["self"] == [topic.url] and len(links["hub"]) == 1
        assert len(delivery.header_values("Link")) == 1


def test_100_a_subscriber_gets_what_the_topic_has(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    check(hub, topic, endpoint, [publish(hub, topic, "second")])
    assert endpoint.deliveries()[0].header("X-Hub-Signature") is None


def test_101_it_is_signed_for_who_has_a_secret(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret())
    check(hub, topic, endpoint, [publish(hub, topic, "second")])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret())


def test_102_unknown_parameters_change_nothing(hub, topic, subscriber):
    endpoint = subscriber.endpoint(query="x=1")
    subscribe(hub, topic, endpoint, extra={"foo": "bar", "hub.foo": "bar"})
    check(hub, topic, endpoint, [publish(hub, topic, "second")])


def test_103_who_subscribes_twice_gets_it_once(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    for count in (1, 2):
        hub.subscribe(topic.url, endpoint.url, lease_seconds=3600).check_accepted(202)
        endpoint.wait_verified(count=count)
    wait_active(hub, topic.url, endpoint)
    expected = [publish(hub, topic, "second")]
    check(hub, topic, endpoint, expected)
    expected.append(publish(hub, topic, "third"))
    check(hub, topic, endpoint, expected)


@pytest.mark.parametrize("topic", ["atom"], indirect=True)
def test_104_who_has_left_gets_nothing(hub, topic, subscriber):
    leaving, witness = subscriber.endpoint(), subscriber.endpoint()
    for endpoint in (leaving, witness):
        subscribe(hub, topic, endpoint)
    expected = [publish(hub, topic, "second")]
    check(hub, topic, leaving, expected)
    hub.unsubscribe(topic.url, leaving.url).check_accepted(202)
    leaving.wait_verified("unsubscribe")
    wait_silent(hub, topic.url, ended=leaving, witness=witness)
    before = len(leaving.deliveries())
    expected.append(publish(hub, topic, "third"))
    check(hub, topic, witness, expected)
    stays_false(lambda: leaving.deliveries()[before:], "delivered after it was left", SILENCE)
