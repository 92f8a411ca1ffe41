"""What an operator allows and denies: networks, ports, and http."""

import pytest

from harness import planted
from harness.attempts import Attempts
from harness.behaviours import answer
from harness.certificates import Authority
from harness.settle import subscribe
from harness.suite import Suite
from harness.tls_subscriber import TlsSubscriber
from harness.topics import register_topic
from harness.trap import Trap
from harness.wait import wait_for


@pytest.fixture(scope="module")
def traps():
    """On every address of this machine: a port that is allowed, and one that is not."""
    traps = Trap(), Trap()
    yield traps
    for trap in traps:
        trap.close()


@pytest.fixture(scope="module")
def ruled(kafka, tmp_path_factory, traps, subscriber_server):
    allowed, denied = traps
    ports = f"{allowed.port},{denied.port}-{denied.port},{subscriber_server.port}"
    settings = {
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "127.0.0.0/8,::1,10.0.0.0/8",
        "WEBSUB_SECURITY_DENIED_CALLBACK_NETWORKS": "127.0.0.8/29,::1/128,10.0.0.0/8",
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_PORTS": ports,
        "WEBSUB_SECURITY_DENIED_CALLBACK_PORTS": str(denied.port),
        "WEBSUB_DISPATCHER_VERIFICATION_ATTEMPTS": "1",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("rules"), "rules-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def hub(ruled):
    return ruled.hub()


@pytest.fixture(scope="module")
def rules_attempts(kafka_view):
    return Attempts(kafka_view, "rules-attempts")


@pytest.mark.parametrize(
    "host", ["127.0.0.8", "127.0.0.15", "2130706441", "[::1]", "[::ffff:127.0.0.8]", "10.1"]
)
def test_denied_network_beats_an_allowed_one(hub, topic, traps, rules_attempts, host):
    callback = f"http://{host}:{traps[0].port}/denied"
    hub.subscribe(topic, callback).check_accepted(202)
    assert rules_attempts.wait_reason(callback) == "forbidden_address"
    assert not [line for line in traps[0].callers if "/denied" in line]


@pytest.mark.parametrize("host", ["127.0.0.7", "127.0.0.16", "2130706433", "[::ffff:127.0.0.1]"])
def test_neighbours_of_a_denied_network_are_called(hub, topic, traps, host):
    path = f"/allowed/{host.strip('[]').replace(':', '-')}"
    hub.subscribe(topic, f"http://{host}:{traps[0].port}{path}").check_accepted(202)
    wait_for(lambda: [line for line in traps[0].callers if f"{path}?" in line], f"a call of {path}")


def test_port_that_is_not_allowed_is_refused_at_once(hub, topic, traps, subscriber):
    for port in ("", ":80", ":443", f":{traps[1].port}", ":22"):
        answer = hub.subscribe(topic, f"http://127.0.0.1{port}/callback").check_denied(400)
        assert "port" in answer.reason
    assert "port 443" in hub.subscribe(topic, "https://127.0.0.1/callback").check_denied(400).reason
    subscribe(hub, topic, subscriber.endpoint())


def test_port_that_is_not_allowed_is_not_dialled(hub, topic, traps, rules_attempts):
    """The hub lets everybody ask to leave; whom that calls, the dispatcher judges."""
    callback = f"http://127.0.0.1:{traps[1].port}/callback"
    hub.unsubscribe(topic, callback).check_accepted(202)
    assert rules_attempts.wait_reason(callback) == "forbidden_port"
    assert traps[1].callers == []


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def tls_subscriber(authority):
    subscriber = TlsSubscriber(authority.issue(), ("http/1.1",))
    yield subscriber
    subscriber.stop()


@pytest.fixture
def strict(kafka, tmp_path, authority):
    """An installation whose rules a test changes: none at first."""
    settings = {"WEBSUB_SECURITY_EXTRA_CA_FILE": str(authority.ca_file)}
    with Suite(kafka.bootstrap, tmp_path, "strict-", settings=settings) as suite:
        yield suite.start()


def restart(suite: Suite, settings: dict[str, str]) -> None:
    """Hub and dispatcher, with these settings from now on."""
    for name in ("hub-0", "dispatcher-0"):
        suite[name].env |= settings
    suite.terminate("hub-0", "dispatcher-0")
    suite.start("hub-0", "dispatcher-0")


def test_https_can_be_required(strict, kafka_view, subscriber, tls_subscriber):
    """Also of subscriptions that were there before. They lose nothing, should it be taken back."""
    attempts = Attempts(kafka_view, "strict-attempts")
    hub = strict.hub()
    topic, plain, secure = register_topic(hub), subscriber.endpoint(), tls_subscriber.endpoint()
    subscribe(hub, topic, plain)
    subscribe(hub, topic, secure)

    restart(strict, {"WEBSUB_SECURITY_REQUIRE_HTTPS_CALLBACKS": "true"})
    hub = strict.hub()
    assert "https" in hub.subscribe(topic, plain.url).check_denied(400).reason
    calls = len(plain.requests())
    bodies = [planted.payload("while https is required")]
    hub.publish(topic, bodies[0]).check_accepted()
    secure.wait_bodies(bodies)
    assert attempts.wait_reason(plain.url, "delivery.failed") == "forbidden_url"
    # A restart that comes before this is settled has it asked again, when that is allowed.
    plain.on_verification = answer(404)
    hub.unsubscribe(topic, plain.url).check_accepted(202)
    assert attempts.wait_reason(plain.url) == "forbidden_url"
    assert len(plain.requests()) == calls

    restart(strict, {"WEBSUB_SECURITY_REQUIRE_HTTPS_CALLBACKS": "false"})
    hub = strict.hub()
    bodies.append(planted.payload("again"))
    hub.publish(topic, bodies[1]).check_accepted()
    plain.wait_bodies(bodies)
    secure.wait_bodies(bodies)

    restart(strict, {"WEBSUB_SECURITY_REQUIRE_HTTPS_CALLBACKS": "true"})
    calls, failed = len(plain.requests()), len(attempts.reasons()[plain.url])
    strict.hub().deregister(topic).check_accepted()
    secure.wait_denied()
    wait_for(lambda: len(attempts.reasons()[plain.url]) > failed, "the denial is refused", pause=0.2)
    assert len(plain.requests()) == calls


@pytest.mark.parametrize("rule, reason", [("NETWORKS", "forbidden_address"), ("PORTS", "forbidden_port")])
def test_what_is_denied_later_is_not_called_any_more(strict, kafka_view, subscriber, rule, reason):
    attempts = Attempts(kafka_view, "strict-attempts")
    hub = strict.hub()
    topic, endpoint = register_topic(hub), subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    name = f"WEBSUB_SECURITY_DENIED_CALLBACK_{rule}"
    restart(strict, {name: "127.0.0.1" if rule == "NETWORKS" else str(subscriber.port)})
    body = planted.payload("while it is denied")
    strict.hub().publish(topic, body).check_accepted()
    assert attempts.wait_reason(endpoint.url, "delivery.failed") == reason
    assert endpoint.attempts() == []
    restart(strict, {name: ""})
    endpoint.wait_bodies([body])


def test_tls_answers_do_not_lead_elsewhere(strict, tls_subscriber, subscriber):
    """Alt-Svc and HSTS, which count with TLS only."""
    trap = Trap()
    hub = strict.hub()
    topic, secure, plain = register_topic(hub), tls_subscriber.endpoint(), subscriber.endpoint()
    services = f'h2="127.0.0.1:{trap.port}"; ma=3600, http/1.1="127.0.0.1:{trap.port}"; ma=3600'
    headers = {"Alt-Svc": services, "Strict-Transport-Security": "max-age=3600; includeSubDomains"}
    secure.on_delivery = answer(200, b"", headers | {"Connection": "close"})
    subscribe(hub, topic, secure)
    subscribe(hub, topic, plain)
    bodies = [planted.payload(str(i)) for i in range(5)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    secure.wait_bodies(bodies)
    plain.wait_bodies(bodies)
    assert trap.callers == []
    trap.close()
