"""Whatever is wrong with a request: a 4xx with a reason, and nothing written to Kafka."""

import socket
from urllib.parse import urlencode

import pytest

from harness import planted
from harness.hub_client import FORM, send_raw
from harness.kafka_view import KafkaView
from harness.suite import Suite
from harness.wait import wait_for

TOPIC = "http://publisher.example/topic"
CALLBACK = "http://127.0.0.1:9/callback"
MAX_TOPIC, MAX_CALLBACK = 4096, 2048


@pytest.fixture(scope="module")
def quiet(kafka, tmp_path_factory):
    """A suite with one registered topic, to which nothing acceptable is ever sent."""
    # Some malformed requests cannot be told from slow ones: the connection is closed after a while.
    settings = {"WEBSUB_HUB_IDLE_TIMEOUT": "5s"}
    directory = tmp_path_factory.mktemp("bad-input")
    with Suite(kafka.bootstrap, directory, "bad-input-", settings=settings) as suite:
        suite.start()
        suite.hub().register(TOPIC).check_accepted()
        yield suite


class Written:
    """Record counts of what requests are written to; the state follows from the events."""

    def __init__(self, view: KafkaView):
        self._view = view
        self.counts = wait_for(self._count, "the event of the registration")

    def _count(self) -> dict[str, int]:
        counts = self._view.record_counts("bad-input-")
        return {n: count for n, count in counts.items() if count and ("-events" in n or "-messages" in n)}

    def check_unchanged(self) -> None:
        """Since the last check: what comes late is found by the test that follows."""
        before, self.counts = self.counts, self._count()
        assert self.counts == before


@pytest.fixture(scope="module")
def written(quiet, kafka_view):
    return Written(kafka_view)


@pytest.fixture(autouse=True)
def nothing_is_written(written):
    yield
    written.check_unchanged()


@pytest.fixture
def hub(quiet):
    client = quiet.hub()
    yield client
    client.close()


def subscription(**changes: str | None) -> list[tuple[str, str]]:
    """A good subscription request with some parameters changed, or left out (None)."""
    fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}
    fields |= {f"hub.{name}": value for name, value in changes.items()}
    return [(name, value) for name, value in fields.items() if value is not None]


BAD_FORMS = {
    "no parameters": [],
    "no mode": subscription(mode=None),
    "empty mode": subscription(mode=""),
    "unknown mode": subscription(mode="subscribed"),
    "mode in capitals": subscription(mode="SUBSCRIBE"),
    "subscribe without topic": subscription(topic=None),
    "subscribe without callback": subscription(callback=None),
    "subscribe with empty topic": subscription(topic=""),
    "subscribe with empty callback": subscription(callback=""),
    "unsubscribe without callback": subscription(mode="unsubscribe", callback=None),
    "unsubscribe without topic": subscription(mode="unsubscribe", topic=None),
    "register without topic": [("hub.mode", "register")],
    "register with empty topic": [("hub.mode", "register"), ("hub.topic", "")],
    "deregister without topic": [("hub.mode", "deregister")],
    "two topics": [*subscription(), ("hub.topic", TOPIC)],
    "two different topics": [*subscription(), ("hub.topic", "another")],
    "two callbacks": [*subscription(), ("hub.callback", CALLBACK)],
    "two modes": [*subscription(), ("hub.mode", "subscribe")],
    "two secrets": [*subscription(secret="a"), ("hub.secret", "b")],
    "two leases": [*subscription(lease_seconds="1"), ("hub.lease_seconds", "2")],
    "two topics to register": [("hub.mode", "register"), ("hub.topic", "a"), ("hub.topic", "b")],
    "callback without scheme": subscription(callback="127.0.0.1/callback"),
    "relative callback": subscription(callback="/callback"),
    "callback with ftp": subscription(callback="ftp://127.0.0.1/callback"),
    "callback with file": subscription(callback="file:///etc/passwd"),
    "callback with javascript": subscription(callback="javascript:alert(1)"),
    "callback with gopher": subscription(callback="gopher://127.0.0.1:25/x"),
    "callback with fragment": subscription(callback=f"{CALLBACK}#part"),
    "callback without host": subscription(callback="http:///callback"),
    "callback without anything": subscription(callback="http://"),
    "callback with bad port": subscription(callback="http://127.0.0.1:99999/callback"),
    "callback with port that is no number": subscription(callback="http://127.0.0.1:x/callback"),
    "callback with space": subscription(callback="http://127.0.0.1/call back"),
    "callback with line break": subscription(callback=f"{CALLBACK}\r\nX-Injected: 1"),
    "callback with control character": subscription(callback=f"{CALLBACK}\x01"),
    "callback with NUL": subscription(callback=f"{CALLBACK}\x00x"),
    "callback with unclosed bracket": subscription(callback="http://[::1/callback"),
    "callback too long": subscription(callback=CALLBACK.ljust(MAX_CALLBACK + 1, "x")),
    "topic too long": subscription(topic=TOPIC.ljust(MAX_TOPIC + 1, "x")),
    "topic to register too long": [("hub.mode", "register"), ("hub.topic", "x" * (MAX_TOPIC + 1))],
    "topic with line break": [("hub.mode", "register"), ("hub.topic", "a\nb")],
    "topic with NUL": [("hub.mode", "register"), ("hub.topic", "a\0b")],
    "topic with DEL": [("hub.mode", "register"), ("hub.topic", "a\x7fb")],
    "secret of 200 bytes": subscription(secret=planted.secret().ljust(200, "s")),
    "secret of a megabyte": subscription(secret=planted.secret().ljust(1_000_000, "s")),
    "lease that is a word": subscription(lease_seconds="long"),
    "lease of zero": subscription(lease_seconds="0"),
    "negative lease": subscription(lease_seconds="-1"),
    "lease with a sign": subscription(lease_seconds="+10"),
    "lease with a fraction": subscription(lease_seconds="1.5"),
    "lease in hexadecimal": subscription(lease_seconds="0x10"),
    "lease with a space": subscription(lease_seconds=" 10"),
    "lease with a unit": subscription(lease_seconds="10s"),
    "unknown signature method": subscription(signature_method="md5"),
    "very many parameters": [*subscription(), *((f"x{number}", "1") for number in range(10_000))],
}


@pytest.mark.parametrize("fields", BAD_FORMS.values(), ids=BAD_FORMS.keys())
def test_bad_form_is_refused_with_a_reason(hub, fields):
    answer = hub.control(fields)
    assert answer.status in (400, 413), answer
    answer.check_denied(answer.status)


BAD_ENCODINGS = {
    "percent without digits": b"&x=%",
    "percent with one digit": b"&x=%4",
    "percent with wrong digits": b"&x=%zz",
    "percent-encoded NUL": b"&x=%00",
    "raw NUL": b"&x=\x00",
    "no UTF-8": b"&x=%ff%fe",
    "overlong UTF-8": b"&x=%c0%af",
    "surrogate": b"&x=%ed%a0%80",
    "cut UTF-8": b"&x=%e2%82",
    "raw bytes that are no UTF-8": b"&x=\xff",
}


@pytest.mark.parametrize("tail", BAD_ENCODINGS.values(), ids=BAD_ENCODINGS.keys())
def test_bad_encoding_of_a_form_is_refused(hub, tail):
    """In a parameter that means nothing: what is broken there shows that the sender is confused."""
    body = urlencode(subscription()).encode() + tail
    hub.request("POST", "/hub", body, {"Content-Type": FORM}).check_denied(400)


@pytest.mark.parametrize(
    "query",
    [
        "hub.mode=publish&hub.topic=%zz",
        "hub.mode=publish&hub.topic=a%00b",
        "hub.mode=publish&hub.topic=%ff",
        "hub.mode=publish&hub.topic=",
        "hub.mode=publish",
        "hub.mode=publish&hub.topic=a&hub.topic=b",
        "hub.mode=publish&hub.mode=publish&hub.topic=a",
        "hub.mode=publish&hub.topic=" + "x" * (MAX_TOPIC + 1),
    ],
    ids=lambda query: query[:45],
)
def test_bad_query_of_a_publish_is_refused(hub, query):
    answer = hub.request("POST", f"/hub?{query}", planted.payload(), {"Content-Type": "text/plain"})
    answer.check_denied(400)


@pytest.mark.parametrize("content_type", ["text/plain\x01", "text/\x7fplain", "\x0b", "a/b; x=\x1b[31m"])
def test_control_character_in_a_publish_header_is_refused(hub, content_type):
    """It could not be sent on to any subscriber."""
    hub.publish(TOPIC, planted.payload(), content_type).check_denied(400)


@pytest.mark.parametrize("mode", ["publish", "subscribe", "deregister"])
def test_unknown_topic_is_refused(hub, mode):
    topic = "http://publisher.example/unknown"
    if mode == "publish":
        answer = hub.publish(topic, planted.payload())
    else:
        answer = hub.control(subscription(mode=mode, topic=topic))
    answer.check_denied(404)


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", "nonsense", ""]
)
def test_control_request_of_another_content_type_is_refused(hub, content_type):
    hub.control(subscription(), content_type).check_denied(415)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"])
def test_wrong_method_is_refused(hub, method):
    answer = hub.request(method, "/hub")
    assert answer.status == 405, answer
    assert "POST" in answer.header("Allow")


@pytest.mark.parametrize("path", ["/", "/hub//", "/hubs", "/hub/../etc/passwd", "/%2e%2e/", "//hub", "/api"])
def test_other_paths_are_not_found(hub, path):
    body = urlencode(subscription()).encode()
    assert hub.request("POST", path, body, {"Content-Type": FORM}).status == 404


PUBLISH = b"POST /hub?hub.mode=publish&hub.topic=http%3A%2F%2Fpublisher.example%2Ftopic HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
CHUNKED = PUBLISH + HOST + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "NULs": b"\x00" * 100 + b"\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"POST /hub\r\n\r\n",
    "bad version": b"POST /hub HTTP/9.9\r\n" + HOST + b"\r\n",
    "no host": PUBLISH + b"Content-Length: 1\r\n\r\nx",
    "length that is no number": PUBLISH + HOST + b"Content-Length: x\r\n\r\nx",
    "negative length": PUBLISH + HOST + b"Content-Length: -1\r\n\r\nx",
    "length that overflows": PUBLISH + HOST + b"Content-Length: 99999999999999999999999\r\n\r\nx",
    "two lengths": PUBLISH + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "chunk size that is no number": CHUNKED + b"xyz\r\nabc\r\n0\r\n\r\n",
    "chunk size that overflows": CHUNKED + b"f" * 40 + b"\r\nx",
    "header of a megabyte": PUBLISH + HOST + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "very many headers": PUBLISH + HOST + b"X: 1\r\n" * 100_000 + b"\r\n",
    "request line of a megabyte": b"POST /hub?" + b"x" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_http_is_refused_or_the_connection_closed(quiet, data):
    answer = send_raw(quiet["hub-0"].port, data)
    assert answer is None or 400 <= answer.status < 600, answer
    quiet["hub-0"].wait_healthy()


def test_body_that_ends_early_is_no_message(quiet):
    """Neither with a length nor chunked: the publisher went away in the middle."""
    for headers in (b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n64\r\n"):
        with socket.create_connection(("127.0.0.1", quiet["hub-0"].port), 10) as connection:
            connection.sendall(PUBLISH + HOST + b"Content-Type: text/plain\r\n" + headers + b"half")
    quiet["hub-0"].wait_healthy()
