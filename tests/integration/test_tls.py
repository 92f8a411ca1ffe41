"""Callbacks with TLS: whose certificates are good, HTTP/2 and HTTP/1.1, and connections that end badly."""

import http.client
import re

import pytest

from harness import planted, settle
from harness.behaviours import answer, drop_connection, first
from harness.certificates import Authority
from harness.program import run_to_end
from harness.suite import Suite
from harness.tls_subscriber import TlsSubscriber
from harness.topics import new_topic
from harness.wait import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_suite(kafka, authority, tmp_path_factory):
    settings = {"WEBSUB_SECURITY_EXTRA_CA_FILE": str(authority.ca_file)}
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("tls"), "tls-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def hub(tls_suite):
    client = tls_suite.hub()
    yield client
    client.close()


@pytest.fixture
def tls_subscriber(authority):
    subscriber = TlsSubscriber(authority.issue())
    yield subscriber
    subscriber.retire()
    subscriber.stop()


def failed_attempts(suite: Suite, reason: str) -> int:
    """The counter of the dispatcher."""
    connection = http.client.HTTPConnection("127.0.0.1", suite["dispatcher-0"].port, timeout=20)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    name = f'websub_dispatcher_failed_attempts_total{{reason="{reason}"}}'
    return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)[1])


def publish(hub, topic: str, count: int, start: int = 0) -> list[bytes]:
    bodies = [planted.payload(f"message {i}") + bytes(range(256)) for i in range(start, start + count)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    return bodies


def test_http2_deliveries_in_order_signed(hub, topic, tls_subscriber):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint, planted.secret())
    bodies = publish(hub, topic, 50)
    endpoint.wait_bodies(bodies)
    assert all(r.is_signed_with(planted.secret()) for r in endpoint.deliveries())
    assert set(tls_subscriber.protocols) == {"h2"}


def test_http2_large_body(hub, topic, tls_subscriber):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint, planted.secret())
    body = planted.payload("large ") + bytes(900_000)
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret())


def test_http2_subscriptions_share_a_connection(hub, topic, tls_subscriber):
    endpoints = [tls_subscriber.endpoint() for _ in range(20)]
    for endpoint in endpoints:
        hub.subscribe(topic, endpoint.url).check_accepted(202)
    settle.wait_active(hub, topic, *endpoints)
    bodies = publish(hub, topic, 20)
    for endpoint in endpoints:
        endpoint.wait_bodies(bodies)
    assert tls_subscriber.protocols == ["h2"]


def test_http1_with_tls(hub, topic, authority):
    subscriber = TlsSubscriber(authority.issue(), ("http/1.1",))
    endpoints = [subscriber.endpoint() for _ in range(5)]
    for endpoint in endpoints:
        hub.subscribe(topic, endpoint.url).check_accepted(202)
    settle.wait_active(hub, topic, *endpoints)
    bodies = publish(hub, topic, 20)
    for endpoint in endpoints:
        endpoint.wait_bodies(bodies)
    assert set(subscriber.protocols) == {"http/1.1"}
    subscriber.retire()
    subscriber.stop()


def test_http2_reset_streams_are_repeated(tls_suite, hub, topic, tls_subscriber):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    before = failed_attempts(tls_suite, "broken_connection")
    endpoint.on_delivery = first(2, drop_connection, answer(200))
    bodies = publish(hub, topic, 5)
    endpoint.wait_bodies(bodies)
    assert failed_attempts(tls_suite, "broken_connection") >= before + 1


def test_http2_connection_that_is_lost(hub, topic, tls_subscriber):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    bodies = publish(hub, topic, 5)
    endpoint.wait_bodies(bodies)
    tls_subscriber.stop()
    bodies += publish(hub, topic, 5, start=5)
    tls_subscriber.start()
    endpoint.wait_bodies(bodies)


def test_http2_go_away(hub, topic, tls_subscriber):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    bodies = []
    for i in range(5):
        bodies += publish(hub, topic, 3, start=3 * i)
        tls_subscriber.go_away()
    endpoint.wait_bodies(bodies)


@pytest.mark.parametrize("wrong", ["host", "authority"])
def test_certificate_that_is_not_good(tls_suite, hub, topic, tls_subscriber, authority, tmp_path, wrong):
    endpoint = tls_subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    before = failed_attempts(tls_suite, "tls")
    stranger = Authority(tmp_path, "stranger")
    tls_subscriber.stop()
    tls_subscriber.identify(authority.issue("127.0.0.2") if wrong == "host" else stranger.issue())
    tls_subscriber.start()
    bodies = publish(hub, topic, 1)
    wait_for(lambda: failed_attempts(tls_suite, "tls") > before, "a failed attempt is counted")
    assert endpoint.bodies() == []
    dispatcher = tls_suite["dispatcher-0"]
    wait_for(lambda: dispatcher.events("delivery.failed", topic=topic, reason="tls"), "and logged")
    tls_subscriber.stop()
    tls_subscriber.identify(authority.issue())
    tls_subscriber.start()
    endpoint.wait_bodies(bodies)


def test_nobody_is_verified_without_a_good_certificate(tls_suite, hub, authority, tmp_path):
    topic = new_topic("unverified")
    hub.register(topic).check_accepted()
    subscriber = TlsSubscriber(Authority(tmp_path, "stranger").issue())
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    log = tls_suite["dispatcher-0"].log_path
    wait_for(
        lambda: any(
            "refused" in line and topic in line and "tls" in line for line in log.read_text().splitlines()
        ),
        "the subscription is refused",
    )
    assert endpoint.requests() == []
    subscriber.stop()


@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_extra_ca_file_that_cannot_be_used_stops_the_start(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    settings = {"WEBSUB_SECURITY_EXTRA_CA_FILE": str(file)}
    for arguments in ([], ["--check-config"]):
        done = run_to_end("dispatcher", *arguments, settings=settings)
        assert done.returncode != 0
        assert "security.extra_ca_file" in done.stderr and str(file) in done.stderr
