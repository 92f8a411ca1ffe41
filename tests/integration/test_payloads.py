"""Any bytes with any Content-Type arrive as they were published, up to the configured size."""

import time

import pytest

from harness import planted
from harness.hub_client import FORM, HubClient
from harness.settle import subscribe

MAX_BODY_BYTES = 1_048_576  # the default of hub.max_body_bytes

EVERY_BYTE = bytes(range(256)) * 16


def padded(size: int) -> bytes:
    return planted.payload().ljust(size, b"x")


PAYLOADS = {
    "form data": (FORM, b"name=J%C3%BCrgen&empty=&a=1&a=2"),
    "form data that looks like a control request": (FORM, b"hub.mode=subscribe&hub.topic=x&hub.callback=y"),
    "form data with a charset": (f"{FORM}; charset=UTF-8", b"a=1"),
    "multipart": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
    ),
    "JSON": ("application/json", b'{"a": [1, 2, {"b": "\\u0000"}]}\n'),
    "JSON with a charset": ("application/json;charset=utf-8", '{"ä": "ß"}'.encode()),
    "JSON with an empty charset": ("application/json; charset=", b"{}"),
    "XML": (
        "text/xml; charset=ISO-8859-1",
        '<?xml version="1.0" encoding="ISO-8859-1"?><ä/>'.encode("latin-1"),
    ),
    "Atom": ("application/atom+xml", b'<feed xmlns="http://www.w3.org/2005/Atom"/>'),
    "text": ("text/plain", b"line\r\nline\nline\r"),
    "binary with NULs": ("application/octet-stream", EVERY_BYTE),
    "NULs only": ("application/octet-stream", b"\x00" * 100),
    "one byte": ("image/png", b"\x89"),
    "structured suffix and parameters": ('application/vnd.x.y-z+json; v="1;2"; q=0.5', b"1"),
    "type with a tab": ("text/plain;\tcharset=utf-8", b"tab"),
    "type with a Latin-1 letter": ("text/plain; title=\xe4", b"letter"),
    "type of ten thousand characters": ("text/plain; x=" + "x" * 10_000, b"long"),
    "unknown type": ("chemical/x-made-up", b"?"),
    "compressed": ("application/gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00"),
}


@pytest.fixture(scope="module")
def channel(shared_suite, subscriber_server):
    """A hub client, a topic and an endpoint subscribed to it, for all payloads of this file."""
    shared_suite.start()
    hub, topic, endpoint = shared_suite.hub(), "payloads", subscriber_server.endpoint("payloads")
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint, planted.secret())
    yield hub, topic, endpoint
    hub.close()


def check_delivered(channel, content_type, body, published_body=None) -> None:
    hub, topic, endpoint = channel
    before = len(endpoint.deliveries())
    hub.publish(topic, published_body or body, content_type).check_accepted()
    (delivery,) = endpoint.wait_deliveries(before + 1)[before:]
    assert delivery.body == body, f"{delivery}"
    assert delivery.is_signed_with(planted.secret())
    if content_type is not None:
        assert delivery.header_values("Content-Type") == [content_type]


@pytest.mark.parametrize("content_type, body", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_payload_arrives_as_it_was_published(channel, content_type, body):
    check_delivered(channel, content_type, body)


def test_payload_without_content_type_arrives(channel):
    check_delivered(channel, None, planted.payload("untyped"))


TRACES = {
    "sampled": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "not sampled": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
}
BROKEN_TRACES = {
    "empty": "",
    "nonsense": "nonsense",
    "control character": "\x01",
    "cut": "00-0af7651916cd43dd8448eb211c80319c",
    "no ASCII": "ä",
    "long": "x" * 5000,
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES.keys())
def test_trace_context_header_is_passed_on(channel, trace):
    assert deliver_traced(channel, trace) == trace


@pytest.mark.parametrize("trace", BROKEN_TRACES.values(), ids=BROKEN_TRACES.keys())
def test_message_with_a_broken_trace_header_arrives_all_the_same(channel, trace):
    """Passed on as it is or left out: no reason to lose the message."""
    assert deliver_traced(channel, trace) in (trace, None)


def deliver_traced(channel, trace: str) -> str | None:
    """Publishes with that traceparent; returns that of the delivery."""
    hub, topic, endpoint = channel
    before = len(endpoint.deliveries())
    hub.publish(topic, planted.payload("traced"), headers={"traceparent": trace}).check_accepted()
    (delivery,) = endpoint.wait_deliveries(before + 1)[before:]
    return delivery.header("traceparent")


def test_id_and_time_headers_follow_standard_webhooks(channel):
    """webhook-id is the message id that the publisher was told, webhook-timestamp the time of publication."""
    hub, topic, endpoint = channel
    before = len(endpoint.deliveries())
    began = int(time.time())
    published = hub.publish(topic, planted.payload()).check_accepted()
    (delivery,) = endpoint.wait_deliveries(before + 1)[before:]
    assert delivery.header_values("webhook-id") == [published.message_id]
    assert began <= int(delivery.header("webhook-timestamp")) <= time.time()


@pytest.mark.parametrize("size", [1, 100, 4096, 65_536], ids=lambda size: f"pieces of {size}")
def test_chunked_payload_arrives_as_one(channel, size):
    body = EVERY_BYTE * (1 if size < 100 else 20)
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    check_delivered(channel, "application/octet-stream", body, pieces)


def test_payload_of_exactly_the_maximum_arrives(channel):
    check_delivered(channel, "text/plain", padded(MAX_BODY_BYTES))


def test_chunked_payload_of_exactly_the_maximum_arrives(channel):
    body = padded(MAX_BODY_BYTES)
    check_delivered(channel, "text/plain", body, iter([body[:500_000], body[500_000:]]))


def test_payload_above_the_maximum_is_refused(channel):
    hub, topic, endpoint = channel
    before = len(endpoint.attempts())
    hub.publish(topic, padded(MAX_BODY_BYTES + 1)).check_denied(413)
    pieces = (b"x" * 1024 for _ in range(MAX_BODY_BYTES // 1024 + 1))
    hub.publish(topic, pieces).check_denied(413)
    # The next message arrives as the next one: nothing of the refused ones was stored.
    check_delivered(channel, "text/plain", planted.payload("after"))
    assert len(endpoint.attempts()) == before + 1


def test_announced_huge_body_is_refused_without_being_read(suite):
    """A length of 1 TB is no reason to wait for it, and none to reserve it."""
    hub = HubClient(suite["hub-0"].port)
    headers = {"Content-Length": str(10**12), "Content-Type": "text/plain"}
    target = "/hub?hub.mode=publish&hub.topic=payloads"
    hub.request("POST", target, planted.payload(), headers).check_denied(413)
    hub.close()


def test_payloads_of_one_keep_alive_connection_do_not_run_into_each_other(channel):
    """Fixed length and chunked ones in turn, refused ones in between."""
    hub, topic, endpoint = channel
    before = len(endpoint.deliveries())
    expected = []
    for number in range(20):
        body = planted.payload(f"{number}") * (number + 1)
        hub.publish(topic, iter([body[:7], body[7:]]) if number % 2 else body).check_accepted()
        hub.publish("no such topic", body).check_denied(404)
        expected.append(body)
    delivered = endpoint.wait_deliveries(before + len(expected))[before:]
    assert [delivery.body for delivery in delivered] == expected
