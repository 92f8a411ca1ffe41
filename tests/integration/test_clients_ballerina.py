"""Ballerina's WebSub libraries, and thus WSO2's: the requests that their sources make, byte for byte, and how
they take the answers. Swan Lake's publisher and subscriber (ballerina/websubhub, ballerina/websub), and those
of Ballerina 1.x, which want another answer (compat.ballerina_1)."""

import hashlib
import hmac
import os
import re
from urllib.parse import quote

import pytest

from harness import planted, settle
from harness.behaviours import Reply
from harness.hub_client import Answer, send_raw
from harness.site import JSON, Page
from harness.subscriber import Received
from harness.suite import Suite
from harness.users import UsersFile, basic

FORM = "application/x-www-form-urlencoded"
# They write topics into forms and queries as they are.
TOPIC = f"http://websubpubtopic.com/{os.getpid()}/news?kind=a"


@pytest.fixture(scope="module")
def ballerina(kafka, tmp_path_factory):
    """hub-1 serves Ballerina 1.x; hub-2 wants basic auth."""
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", {"tom": ""})
    directory = tmp_path_factory.mktemp("ballerina")
    with Suite(kafka.bootstrap, directory, "clients-ballerina-", hubs=3) as suite:
        suite["hub-1"].env["WEBSUB_COMPAT_BALLERINA_1"] = "true"
        suite["hub-2"].env.update(users.settings())
        yield suite.start()


@pytest.fixture
def hub(ballerina):
    client = ballerina.hub()
    yield client
    client.close()


class Publisher:
    """websubhub:PublisherClient of one hub. The HTTP client below writes names of headers in lower case."""

    agent = "ballerina"

    def __init__(self, suite: Suite, hub: int = 0, headers: dict[str, str] | None = None):
        self.port = suite[f"hub-{hub}"].port
        self.headers = headers or {}

    def post(self, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        lines = [f"POST /hub{target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"host: 127.0.0.1:{self.port}", f"user-agent: {self.agent}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["connection: keep-alive", f"content-length: {len(body or b'')}", "", ""]
        return send_raw(self.port, "\r\n".join(lines).encode() + (body or b""))

    def change(self, mode: str, topic: str) -> Answer:
        return self.post("", f"hub.mode={mode}&hub.topic={topic}".encode(), {"content-type": FORM})

    def publish(self, topic: str, body: bytes, headers: dict[str, str]) -> Answer:
        return self.post(f"?hub.mode=publish&hub.topic={topic}", body, headers)


def understood(answer: Answer) -> tuple[bool, str]:
    """handleResponse of publisher_client.bal: 200 and hub.mode=accepted, or an error and its reason."""
    fields = dict(pair.split("=", 1) for pair in answer.body.decode().split("&") if "=" in pair)
    return answer.status == 200 and fields.get("hub.mode") == "accepted", fields.get("hub.reason", "")


def check_success(answer: Answer) -> None:
    assert understood(answer) == (True, ""), answer


@pytest.fixture
def publisher(ballerina):
    return Publisher(ballerina)


@pytest.fixture
def topic(publisher):
    check_success(publisher.change("register", TOPIC))
    yield TOPIC
    check_success(publisher.change("deregister", TOPIC))


# --- Swan Lake's publisher ---


def test_register_and_deregister(publisher):
    topic = f"{TOPIC}&x=lost behind the ampersand, as in their hub"
    for _ in range(2):
        check_success(publisher.change("register", topic))
    check_success(publisher.change("deregister", TOPIC))
    ok, reason = understood(publisher.change("deregister", topic))
    assert not ok and reason.startswith("the%20topic%20is%20not%20registered")


# What publishUpdate sends for each type of payload.
PAYLOADS = [
    (b"text", {"content-type": "text/plain"}),
    (b'{"action":"publish", "n":1}', {"content-type": "application/json"}),
    (b"<a><b/></a>", {"content-type": "application/xml"}),
    (bytes(range(256)), {"content-type": "application/octet-stream"}),
    (b"key1=value1&key2=a b", {"content-type": FORM, "x-ballerina-publisher": "publish"}),
    (b"hub.mode=deregister&hub.topic=" + TOPIC.encode(), {"content-type": FORM}),
    (b"<feed/>", {"content-type": "application/atom+xml;charset=utf-8"}),
]


@pytest.mark.parametrize("payload, headers", PAYLOADS, ids=[str(i) for i in range(len(PAYLOADS))])
def test_publish(publisher, hub, topic, subscriber, payload, headers):
    """Whatever type the content has, a form too: its parameters are in the query."""
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    body = planted.MARK.encode() + payload
    check_success(publisher.publish(topic, body, headers))
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].header("Content-Type") == headers["content-type"]


@pytest.fixture
def page(publisher, subscriber):
    """A topic whose content is fetched."""
    page = Page(subscriber, planted.payload("page"), JSON)
    check_success(publisher.change("register", page.url))
    return page


def test_notify(publisher, hub, page, subscriber):
    """notifyUpdate: parameters in the form, said to be an event; success is 200 and hub.mode=accepted."""
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, page.url, endpoint)
    form = f"hub.mode=publish&hub.topic={page.url}".encode()
    check_success(publisher.post("", form, {"content-type": FORM, "x-ballerina-publisher": "event"}))
    endpoint.wait_bodies([page.body])


def test_publish_to_an_unknown_topic(publisher):
    ok, reason = understood(publisher.publish("nobody", b"x", {"content-type": "text/plain"}))
    assert not ok and reason.startswith("the%20topic%20is%20not%20registered")


def test_basic_auth(ballerina):
    topic = f"{TOPIC}/basic"
    headers = {name.lower(): value for name, value in basic("tom").items()}
    good, bad = Publisher(ballerina, 2, headers), Publisher(ballerina, 2)
    check_success(good.change("register", topic))
    check_success(good.publish(topic, b"x", {"content-type": "text/plain"}))
    assert bad.publish(topic, b"x", {"content-type": "text/plain"}).status == 401
    check_success(good.change("deregister", topic))


# --- WSO2's message ids ---


def test_a_publishers_own_message_id_is_passed_on(publisher, hub, topic, subscriber):
    """x-hub-messageId of WSO2's hub; the hub's own id is beside it."""
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    headers = {"content-type": "application/json", "x-hub-messageId": "urn:uuid:1 ü"}
    published = publisher.publish(topic, planted.payload("with an id"), headers)
    publisher.publish(topic, planted.payload("without"), {"content-type": "application/json"})
    first, second = endpoint.wait_attempts(2)
    assert first.header_values("x-hub-messageId") == ["urn:uuid:1 ü".encode().decode("latin-1")]
    assert first.message_id == published.message_id != "urn:uuid:1 ü"
    assert second.header("x-hub-messageId") is None
    headers["x-hub-messageId"] = "x" * 257
    publisher.publish(topic, b"x", headers).check_denied(400)


# --- Swan Lake's subscriber ---


class Listener:
    """What websub:Listener answers: to a request that it understands always, else with 400."""

    def __init__(self, secret: str):
        self.secret = secret
        self.taken: list[bytes] = []

    def verify(self, received: Received) -> Reply:
        names = [name for name, _ in received.parameters]
        if "hub.topic" not in names or "hub.challenge" not in names:
            return Reply(400)
        body = received.parameter("hub.challenge").encode()
        return Reply(200, body, {"content-type": "text/plain", "server": "ballerina"})

    def deliver(self, received: Received) -> Reply:
        """It takes the signature apart at '=', and the hash is in lower-case hex."""
        method, signature = (received.header("X-Hub-Signature") or "=").split("=")
        assert re.fullmatch("sha1|sha256|sha384|sha512", method), method
        if hmac.new(self.secret.encode(), received.body, method).hexdigest() == signature:
            self.taken.append(received.body)
        return Reply(202, b"", {"content-type": FORM})


def test_subscriber(ballerina, hub, topic, subscriber):
    """websub:SubscriptionClient: values of the form are encoded, and 2xx is success."""
    secret = planted.secret("Kslk30SNF2AChs2")
    listener = Listener(secret)
    endpoint = subscriber.endpoint("5f8e0ba4", query="a=b")
    endpoint.on_verification, endpoint.on_delivery = listener.verify, listener.deliver

    def change(mode: str, more: str = "") -> Answer:
        form = (
            f"hub.mode={mode}&hub.topic={quote(topic, safe='')}&hub.callback={quote(endpoint.url, safe='')}"
        )
        return Publisher(ballerina).post("", (form + more).encode(), {"content-type": FORM})

    assert change("subscribe", f"&hub.secret={secret}&hub.lease_seconds=86400").status == 202
    assert endpoint.wait_verified().parameter("hub.lease_seconds") == "86400"
    settle.wait_active(hub, topic, endpoint)
    body = planted.payload("content")
    hub.publish(topic, body, "application/json").check_accepted()
    endpoint.wait_bodies([body])
    assert listener.taken[-1] == body
    assert change("unsubscribe").status == 202
    endpoint.wait_verified("unsubscribe")


# --- Ballerina 1.x ---


class OldPublisher(Publisher):
    agent = "ballerina/1.2.0"


def test_old_publisher(ballerina, hub, subscriber):
    """registerTopic and unregisterTopic of websub:PublisherClient want exactly 202, publishUpdate any 2xx.
    The hub's "direct" mode: the content comes with the request."""
    old, topic = OldPublisher(ballerina, 1), f"{TOPIC}/old"
    assert old.change("register", topic).status == 202
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    body = planted.payload()
    published = old.publish(topic, body, {"content-type": "application/json", "x-own": "header"})
    assert 200 <= published.status < 300
    endpoint.wait_bodies([body])
    assert old.change("unregister", topic).status == 202
    endpoint.wait_denied()
    assert old.change("unregister", topic).status == 404


def test_old_notify(ballerina, hub, page, subscriber):
    """notifyUpdate, and the hub's "fetch" mode: the parameters are in the query, and there is no content."""
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, page.url, endpoint)
    notified = OldPublisher(ballerina, 1).post(f"?hub.mode=publish&hub.topic={page.url}", None, {})
    assert 200 <= notified.status < 300
    endpoint.wait_bodies([page.body])


def test_old_subscriber(ballerina, hub, topic, subscriber):
    """Its form has the topic as it is and the callback encoded."""
    endpoint = subscriber.endpoint(query="x=1")
    form = f"hub.mode=subscribe&hub.topic={topic}&hub.callback={quote(endpoint.url, safe='')}"
    form += f"&hub.secret={planted.secret()}&hub.lease_seconds=3600"
    assert OldPublisher(ballerina, 1).post("", form.encode(), {"content-type": FORM}).status == 202
    endpoint.wait_verified()
    settle.wait_active(hub, topic, endpoint)
    body = planted.payload()
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    expected = hmac.new(planted.secret().encode(), body, hashlib.sha256).hexdigest()
    assert endpoint.deliveries()[0].header("X-Hub-Signature") == f"sha256={expected}"
