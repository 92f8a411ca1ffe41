"""MOSIP's own Java library, in both versions that are in use, against a hub with compat.mosip: every call,
its cookie authentication, and its guards of callbacks (tests/clients/mosip)."""

import contextlib
import itertools
import os
import re

import pytest

from harness import planted, settle
from harness.behaviours import answer
from harness.client_process import CallFailed
from harness.missed import utc_now
from harness.mosip_client import VERSIONS, MosipClient
from harness.providers import MosipAuth, cookie
from harness.site import TEXT, Page
from harness.suite import Suite
from harness.wait import wait_for

# One whose percent-encoding matters, once and twice.
TOPIC = "partner é/CREDENTIAL ISSUED+50%25"

_numbers = itertools.count(1)


class Services:
    """One of each kind for each version of the library; they need some seconds to start, and share them."""

    def __init__(self, directory):
        self._all = {
            (version, database): MosipClient(
                version,
                directory,
                f"{version} {'database' if database else 'plain'} {os.getpid()} {TOPIC}",
                planted.secret(f"{version}+&é"),
                database,
            )
            for version in VERSIONS
            for database in (False, True)
        }

    def __getitem__(self, key: tuple[str, bool]) -> MosipClient:
        return self._all[key]

    def close(self) -> None:
        for service in self._all.values():
            service.close()


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    services = Services(tmp_path_factory.mktemp("services"))
    yield services
    services.close()


@pytest.fixture(scope="module")
def auth():
    server = MosipAuth()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mosip(kafka, auth, services, tmp_path_factory):
    settings = {
        "WEBSUB_COMPAT_MOSIP": "true",
        "WEBSUB_AUTH_MODE": "mosip",
        "WEBSUB_AUTH_MOSIP_BASE_URL": auth.url(),
        "WEBSUB_AUTH_CACHE_TIME": "0",
    }
    with Suite(
        kafka.bootstrap, tmp_path_factory.mktemp("mosip"), "clients-mosip-", settings=settings
    ) as suite:
        yield suite.start()


@pytest.fixture
def hub(mosip, auth):
    client = mosip.hub(0, cookie(auth.issue("witness")))
    yield client
    client.close()


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


class Service:
    """A client with the hub's URL as MOSIP configures it, and a good token."""

    def __init__(self, client: MosipClient, mosip: Suite, auth: MosipAuth):
        self.client = client
        self.url = f"{mosip.public_url}/"
        self.topic, self.secret = client.topic, client.secret
        self.callback = client.callback()
        client.call("token", token=auth.issue("service"))

    def call(self, name: str, **arguments: object) -> object:
        return self.client.call(name, hub=self.url, **({"topic": self.topic} | arguments))

    def subscribe(self, callback: str | None = None) -> None:
        accepted = self.call("subscribe", callback=callback or self.callback, secret=self.secret, lease=3600)
        assert accepted == self.topic

    def unsubscribe(self) -> None:
        assert self.call("unSubscribe", callback=self.callback) == self.topic

    def publish(self, text: str) -> str:
        body = planted.payload(text).decode()
        self.call("publishUpdate", payload=body, type="text/plain;charset=UTF-8")
        return body

    def wait_active(self) -> None:
        """Until something published now arrives: tests before may have had the same client subscribed."""
        published: list[str] = []

        def probe() -> bool:
            published.append(self.publish(f"warm-up {next(_numbers)}"))
            return bool(set(published) & set(self.client.bodies()))

        wait_for(probe, "a first delivery", pause=0.25)

    def wait_silent(self, hub, witness) -> None:
        """Until what is published reaches the witness and not the service."""
        numbers = iter(range(1000))

        def probe() -> bool:
            body = self.publish(f"after the end {next(numbers)}")
            wait_for(lambda: body.encode() in witness.bodies(), lambda: f"{body!r}{witness.describe()}")
            return body not in self.client.bodies()

        wait_for(probe, "silence", pause=0.25)


@pytest.fixture(params=[False, True], ids=["plain", "database"])
def service(request, version, services, mosip, auth):
    return Service(services[version, request.param], mosip, auth)


@pytest.fixture
def plain(version, services, mosip, auth):
    return Service(services[version, False], mosip, auth)


def test_from_registration_to_unregistration(service, hub, subscriber):
    """The signature is checked by the library: what it finds bad is answered 500, and would come again."""
    service.call("registerTopic")
    service.subscribe()
    service.wait_active()
    bodies = [service.publish(f"message {number} ü€") for number in range(3)]
    service.client.wait_body(bodies[-1])
    assert [body for body in service.client.bodies() if body in bodies] == bodies
    delivery = service.client.call("deliveries")[-1]
    headers = {name.lower(): value for name, value in delivery["headers"].items()}
    assert headers["content-type"] == "text/plain;charset=UTF-8"
    assert re.fullmatch("sha256=[0-9a-f]{64}", headers["x-hub-signature"])

    witness = subscriber.endpoint()
    settle.subscribe(hub, service.topic, witness)
    service.unsubscribe()
    service.wait_silent(hub, witness)

    service.call("unregisterTopic")
    assert witness.wait_denied().parameter("hub.topic") == service.topic


def test_missed_messages(service, hub, subscriber):
    """Also with the option for database-backed verification, under which the library asks for a callback
    without the intentMode with which it subscribed."""
    service.call("registerTopic")
    down = subscriber.endpoint()
    service.subscribe(down.url)
    down.wait_verified()
    settle.wait_active(hub, service.topic, down)
    down.on_delivery = answer(503)
    since = utc_now()
    bodies = [service.publish(f"missed {number}") for number in range(12)]

    def all_missed() -> bool:
        with contextlib.suppress(CallFailed):  # as long as the hub's view is behind the dispatcher's
            return len(missed(count=1000)) == 12
        return False

    def missed(**page: int) -> list[str]:
        found = service.call(
            "getFailedContent", callback=down.url, secret=service.secret, since=since, **page
        )
        return [content["message"] for content in found["failedcontents"]]

    wait_for(all_missed, "all messages")
    assert missed() == bodies[:10]
    assert missed(index=10) == bodies[10:]
    assert missed(index=3, count=2) == bodies[3:5]


def test_notify_without_anything_to_fetch(plain, hub):
    """Its topics are names, of which there is nothing to fetch: subscribers get an empty message."""
    plain.call("registerTopic")
    plain.subscribe()
    plain.wait_active()
    assert "" not in plain.client.bodies()
    plain.call("notifyUpdate")
    plain.client.wait_body("")
    plain.unsubscribe()


def test_notify_of_a_page(plain, hub, subscriber):
    page = Page(subscriber, planted.payload("page"), TEXT)
    topic = f"{page.url}?q=a+b%20c"
    plain.call("registerTopic", topic=topic)
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint, plain.secret)
    plain.call("notifyUpdate", topic=topic)
    endpoint.wait_bodies([page.body])
    assert endpoint.deliveries()[0].is_signed_with(plain.secret)


def test_other_content(plain, hub, subscriber):
    """What services publish is JSON, most of the time, and sent as a stream by later versions."""
    plain.call("registerTopic")
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, plain.topic, endpoint, plain.secret)
    value = {"event": {"id": planted.payload().decode(), "data": ["é", 1.5, None]}}
    plain.call("publishUpdate", payload=value, type="application/json")
    delivery = endpoint.wait_attempts(1)[0]
    assert delivery.header("Content-Type").startswith("application/json")
    assert planted.MARK.encode() in delivery.body and delivery.is_signed_with(plain.secret)


def test_refusals_are_understood(plain):
    with pytest.raises(CallFailed, match=r"KER-WSC-102 .*:- the topic is not registered at this hub$"):
        plain.call("unregisterTopic", topic="nobody knows it")
    with pytest.raises(CallFailed, match=r"KER-WSC-103 .*:- the topic is not registered at this hub: nobody"):
        plain.call("publishUpdate", topic="nobody knows it", payload="x", type="text/plain")
    with pytest.raises(CallFailed, match="KER-WSC-105 .*not%20an%20absolute"):
        plain.call("subscribe", callback="nowhere", secret=plain.secret)


def test_registering_again_is_no_error(plain):
    plain.call("registerTopic")
    plain.call("registerTopic")


def test_token_in_a_cookie(plain, auth):
    """401, on which MOSIP's auth adapter gets a new token and tries again. (Java's own HTTP client, which
    the library has here, does not tell what the body of a 401 says.)"""
    plain.client.call("token", token="nobody's")
    for name in ("registerTopic", "unregisterTopic", "publishUpdate", "subscribe", "unSubscribe"):
        with pytest.raises(CallFailed, match="KER-WSC-1|server authentication"):
            plain.call(name, payload="x", type="text/plain", callback=plain.callback, secret=plain.secret)
    plain.client.call("token", token=auth.issue("service"))
    plain.call("registerTopic")


def test_intent_that_is_not_meant(plain, hub, subscriber):
    """The library confirms only its own topic: 404, final, and nothing of another topic arrives."""
    topic = f"another {os.getpid()} {plain.topic}"
    hub.register(topic).check_accepted()
    witness = subscriber.endpoint()
    settle.subscribe(hub, topic, witness)
    hub.subscribe(topic, plain.callback, plain.secret).check_accepted(202)
    # Denied or not: what is published now reaches the witness, and by then would have reached the service.
    body = planted.payload("not for you")
    hub.publish(topic, body).check_accepted()
    witness.wait_bodies([body])
    assert body.decode() not in plain.client.bodies()
