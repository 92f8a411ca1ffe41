"""Names are judged by what they resolve to when they are dialled, each time anew (DNS rebinding)."""

import itertools

import pytest

from harness import planted
from harness.attempts import Attempts
from harness.behaviours import Behaviour, Reply, answer, echo_challenge
from harness.names import Names
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.trap import Trap
from harness.wait import wait_for

# The only address that is allowed.
ALLOWED = "127.0.0.77"
FORBIDDEN = ["127.0.0.2", "::1"]

_numbers = itertools.count(1)


def closing(behaviour: Behaviour) -> Behaviour:
    """Answers so and closes the connection: the next request needs a new one, to what the name means then."""

    def behave(received) -> Reply:
        reply = behaviour(received)
        return Reply(reply.status, reply.body, reply.headers | {"Connection": "close"})

    return behave


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    names = Names(tmp_path_factory.mktemp("etc"))
    if reason := names.why_not():
        pytest.skip(reason)
    return names


@pytest.fixture(scope="module")
def named(kafka, tmp_path_factory, names):
    settings = {
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": f"{ALLOWED}/32",
        "WEBSUB_DISPATCHER_VERIFICATION_ATTEMPTS": "8",
        "WEBSUB_RETRY_MAX_INTERVAL": "500ms",
    }
    with Suite(
        kafka.bootstrap, tmp_path_factory.mktemp("names"), "callback-names-", settings=settings
    ) as suite:
        suite["dispatcher-0"].run_under(names.command)
        yield suite.start()


@pytest.fixture
def hub(named):
    return named.hub()


@pytest.fixture(scope="module")
def names_attempts(kafka_view):
    return Attempts(kafka_view, "callback-names-attempts")


@pytest.fixture
def here():
    """A subscriber at the allowed address."""
    subscriber = Subscriber(ALLOWED)
    yield subscriber
    subscriber.retire()
    subscriber.stop()


@pytest.fixture
def traps(here):
    """At the forbidden addresses, on the subscriber's port: where its names lead when they change."""
    traps = [Trap(address, here.port) for address in FORBIDDEN]
    yield traps
    for trap in traps:
        trap.close()


@pytest.fixture
def endpoint(here) -> Endpoint:
    """A callback whose host is a name of its own, which has no address yet."""
    return here.endpoint(host=f"subscriber-{next(_numbers)}.example")


def name_of(endpoint: Endpoint) -> str:
    return endpoint.url.split("/")[2].partition(":")[0]


def callers(traps: list[Trap]) -> list[str]:
    return [line for trap in traps for line in trap.callers]


PRIVATE = {
    "loopback": ["127.0.0.2"],
    "loopback, IPv6": ["::1"],
    "loopback, IPv4-mapped": ["::ffff:127.0.0.2"],
    "unspecified": ["0.0.0.0"],
    "private": ["10.0.0.1"],
    "metadata": ["169.254.169.254"],
    "unique local": ["fd00::1"],
    "NAT64": ["64:ff9b::127.0.0.2"],
    "several": ["127.0.0.2", "10.0.0.1", "::1", "fd00::1"],
}


@pytest.mark.parametrize("addresses", PRIVATE.values(), ids=PRIVATE.keys())
def test_name_of_private_addresses_is_not_called(hub, names, names_attempts, endpoint, traps, addresses):
    names.point(name_of(endpoint), *addresses)
    hub.subscribe(register_topic(hub), endpoint.url).check_accepted(202)
    assert names_attempts.wait_reason(endpoint.url) == "forbidden_address"
    assert callers(traps) == [] and endpoint.requests() == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_several_addresses_only_those_that_are_allowed_are_called(
    named, hub, names, endpoint, traps, place
):
    """Whichever comes first, and for every new connection."""
    addresses = [*FORBIDDEN[:place], ALLOWED, *FORBIDDEN[place:]]
    names.point(name_of(endpoint), *addresses)
    assert names.resolve(name_of(endpoint)) == set(addresses)
    endpoint.on_delivery = closing(answer(200))
    topic = register_topic(hub)
    subscribe(hub, topic, endpoint)
    bodies = [planted.payload(str(i)) for i in range(10)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    assert callers(traps) == []


def test_name_without_an_allowed_address_that_answers_is_no_secret(hub, names, names_attempts, traps):
    """Of several addresses, the forbidden ones do not hide that the allowed one refuses connections."""
    name = f"subscriber-{next(_numbers)}.example"
    names.point(name, "127.0.0.2", "127.0.0.77")
    callback = f"http://{name}:1/callback"
    hub.subscribe(register_topic(hub), callback).check_accepted(202)
    assert names_attempts.wait_reason(callback) == "refused"
    assert callers(traps) == []


@pytest.mark.parametrize("address", FORBIDDEN)
def test_name_that_changes_after_verification(named, hub, names, names_attempts, endpoint, traps, address):
    """Nothing is delivered to where it leads then; nothing is lost when it changes back."""
    names.point(name_of(endpoint), ALLOWED)
    endpoint.on_delivery = closing(answer(200))
    topic = register_topic(hub)
    subscribe(hub, topic, endpoint)
    names.point(name_of(endpoint), address)
    bodies = []

    def published_into_the_void() -> bool:
        """What was looked up before may be used for some seconds: until then deliveries arrive."""
        bodies.append(planted.payload(str(len(bodies))))
        hub.publish(topic, bodies[-1]).check_accepted()
        return bool(
            named["dispatcher-0"].events("callback.forbidden", callback=endpoint.url, address=address)
        )

    wait_for(published_into_the_void, f"{address} refused", pause=0.2)
    assert names_attempts.wait_reason(endpoint.url, "delivery.failed") == "forbidden_address"
    names.point(name_of(endpoint), ALLOWED)
    endpoint.wait_bodies(bodies)
    assert callers(traps) == []


@pytest.mark.parametrize("address", FORBIDDEN)
def test_name_that_changes_between_attempts_to_verify(hub, names, names_attempts, endpoint, traps, address):
    names.point(name_of(endpoint), ALLOWED)
    endpoint.on_verification = closing(answer(500))
    hub.subscribe(register_topic(hub), endpoint.url).check_accepted(202)
    wait_for(endpoint.verifications, "a first attempt")
    names.point(name_of(endpoint), address)
    wait_for(
        lambda: names_attempts.reasons().get(endpoint.url, [])[-1:] == ["forbidden_address"],
        lambda: f"refused at last: {names_attempts.reasons().get(endpoint.url)}",
        pause=0.2,
    )
    assert callers(traps) == []


def test_name_that_changes_before_unsubscription_and_denial(hub, names, names_attempts, endpoint, traps):
    """All calls are judged alike, notices of denial too."""
    names.point(name_of(endpoint), ALLOWED)
    endpoint.on_verification = closing(echo_challenge)
    endpoint.on_delivery = closing(answer(200))
    topic = register_topic(hub)
    subscribe(hub, topic, endpoint)

    def forbidden(count: int) -> bool:
        return names_attempts.reasons().get(endpoint.url, []).count("forbidden_address") == count

    names.point(name_of(endpoint), *FORBIDDEN)
    endpoint.on_verification = closing(answer(500))
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    wait_for(lambda: forbidden(1), "the verification is refused", pause=0.2)
    hub.deregister(topic).check_accepted()
    wait_for(lambda: forbidden(2), "the notice is refused", pause=0.2)
    assert callers(traps) == [] and endpoint.denials() == []


def test_name_that_changes_while_a_connection_is_open(hub, names, endpoint, traps):
    """What was permitted when it was dialled goes on: the connection leads nowhere else."""
    names.point(name_of(endpoint), ALLOWED)
    topic = register_topic(hub)
    subscribe(hub, topic, endpoint)
    names.point(name_of(endpoint), "127.0.0.2")
    bodies = [planted.payload(str(i)) for i in range(5)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    assert callers(traps) == []


def test_name_that_comes_to_be_allowed_can_be_subscribed(hub, names, names_attempts, endpoint, traps):
    names.point(name_of(endpoint), "127.0.0.2")
    topic = register_topic(hub)
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    assert names_attempts.wait_reason(endpoint.url) == "forbidden_address"
    names.point(name_of(endpoint), ALLOWED)

    def asked_again() -> bool:
        hub.subscribe(topic, endpoint.url).check_accepted(202)
        return bool(endpoint.verifications())

    wait_for(asked_again, "a verification", pause=0.5)
    subscribe(hub, topic, endpoint)
    assert callers(traps) == []
