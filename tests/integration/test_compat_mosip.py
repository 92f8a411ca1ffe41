"""compat.mosip on the wire: answers as MOSIP's hub gives them, topics that are percent-encoded twice, and
callbacks that say what is intended."""

import json
import os

import pytest

from harness import planted, settle
from harness.behaviours import Reply, answer, echo_challenge
from harness.missed import MissedMessages, base64url, sign, utc_now
from harness.subscriber import Endpoint, Received
from harness.suite import Suite
from harness.users import UsersFile, basic
from harness.wait import wait_for

FORM = "application/x-www-form-urlencoded"
REFUSED = b"hub.mode=denied&hub.reason="


@pytest.fixture(scope="module")
def compat(kafka, tmp_path_factory):
    """hub-1 registers on first use; hub-2 has users with rules; hub-3 is not compatible."""
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", {"blank": "", "coded": ""})
    directory = tmp_path_factory.mktemp("compat")
    settings = {"WEBSUB_COMPAT_MOSIP": "true"}
    with Suite(kafka.bootstrap, directory, "compat-mosip-", hubs=4, settings=settings) as suite:
        suite["hub-1"].env["WEBSUB_HUB_AUTO_REGISTER"] = "true"
        suite["hub-2"].env.update(users.settings())
        suite["hub-2"].env["WEBSUB_AUTH_RULES"] = (
            "publish rules/a%20b user:coded;publish rules/a b user:blank"
        )
        suite["hub-3"].env["WEBSUB_COMPAT_MOSIP"] = "false"
        yield suite.start()


@pytest.fixture
def client(compat):
    clients = [compat.hub(index) for index in range(4)]
    yield clients
    for each in clients:
        each.close()


@pytest.fixture
def hub(client):
    return client[0]


def publish_raw(hub, topic: str, body: bytes, headers: dict[str, str] | None = None):
    """With the topic in the query as it is given."""
    target = f"/hub?hub.mode=publish&hub.topic={topic}"
    return hub.request("POST", target, body, {"Content-Type": "text/plain"} | (headers or {}))


def check_refused_in_body(refused, reason: str) -> None:
    assert refused.status == 200, refused
    assert refused.header("Content-Type") == FORM, refused
    assert refused.body == REFUSED + reason.encode(), refused


# --- answers ---


def test_refusals_of_registrations_and_publications_are_told_in_the_body(hub):
    unknown = "the topic is not registered at this hub"
    check_refused_in_body(hub.deregister("unknown"), unknown)
    check_refused_in_body(hub.publish("un&known", b"x"), f"{unknown}: un%26known")
    check_refused_in_body(hub.ping("unknown"), f"{unknown}: unknown")
    assert hub.subscribe("unknown", "http://127.0.0.1/").status == 404


def test_what_is_malformed_is_told_by_the_status(hub):
    hub.control({"hub.mode": "register"}).check_denied(400)
    hub.control({"hub.mode": "publish"}, "text/plain").check_denied(415)
    hub.subscribe("unknown", "nowhere").check_denied(400)
    hub.request("PUT", "/hub").check_denied(405)
    hub.request("POST", "/hub/elsewhere").check_denied(404)


def test_without_the_switch_all_is_told_by_the_status(client):
    client[3].deregister("unknown").check_denied(404)
    client[3].publish("unknown", b"x").check_denied(404)


def test_accepted_is_the_whole_body(hub):
    """MOSIP's clients take what is before the first '&' apart, and nothing else."""
    for mode in ("register", "register", "deregister"):
        accepted = hub.control({"hub.mode": mode, "hub.topic": "accepted"})
        assert (accepted.status, accepted.body) == (200, b"hub.mode=accepted")
    hub.register("pinged").check_accepted()
    pinged = hub.ping("pinged")
    assert (pinged.status, pinged.body) == (200, b"hub.mode=accepted")


# --- topics in a query ---


def register_all(hub, *topics: str) -> str:
    """With a prefix of the test's own, which is returned."""
    prefix = f"{os.getpid()}-{len(register_all.seen)}-"
    register_all.seen.append(prefix)
    for topic in topics:
        hub.register(prefix + topic).check_accepted()
    return prefix


register_all.seen = []


@pytest.mark.parametrize(
    "sent, registered, meant",
    [
        ("a%20b", ["a b", "a%20b"], "a b"),
        ("a%2520b", ["a b", "a%20b"], "a%20b"),
        ("a%2520b", ["a b"], "a b"),
        ("a+b", ["a b", "a+b"], "a b"),
        ("a+b", ["a+b"], "a+b"),
        ("a%2Bb", ["a b", "a+b"], "a+b"),
        ("c%25C3%25A4+%252F", ["cä+/", "cä /"], "cä /"),
        ("c%25C3%25A4+%252F", ["cä+/"], "cä+/"),
    ],
)
def test_the_first_reading_that_is_registered_is_meant(client, subscriber, sent, registered, meant):
    """First as it was sent, then with one more decoding; a '+' is a blank, then itself."""
    prefix = register_all(client[0], *registered)
    endpoints = {topic: subscriber.endpoint() for topic in registered}
    for topic, endpoint in endpoints.items():
        settle.subscribe(client[0], prefix + topic, endpoint)
    body = planted.payload(sent)
    publish_raw(client[0], prefix + sent, body).check_accepted()
    endpoints[meant].wait_bodies([body])
    for topic, endpoint in endpoints.items():
        settle.wait_active(client[0], prefix + topic, endpoint)
    assert [topic for topic, endpoint in endpoints.items() if endpoint.bodies()] == [meant]


def test_a_ping_means_the_same_topic(hub, subscriber):
    prefix = register_all(hub, "a b", "a%20b")
    blank, coded = subscriber.endpoint(), subscriber.endpoint()
    settle.subscribe(hub, f"{prefix}a b", blank)
    settle.subscribe(hub, f"{prefix}a%20b", coded)
    hub.request("POST", f"/hub/?hub.mode=publish&hub.topic={prefix}a%2520b", b"").check_accepted()
    coded.wait_bodies([b""])
    hub.deregister(f"{prefix}a%20b").check_accepted()
    hub.request("POST", f"/hub/?hub.mode=publish&hub.topic={prefix}a%2520b", b"").check_accepted()
    blank.wait_bodies([b""])


def test_without_the_switch_a_topic_is_what_was_sent(client):
    prefix = register_all(client[3], "a b")
    publish_raw(client[3], f"{prefix}a%20b", b"x").check_accepted()
    publish_raw(client[3], f"{prefix}a%2520b", b"x").check_denied(404)


def test_on_first_use_what_mosips_clients_mean_is_registered(client, subscriber):
    """The subscription, which comes in a form, names the same topic."""
    prefix = register_all(client[1])
    body = planted.payload()
    publish_raw(client[1], f"{prefix}first%2520use+%2525", body).check_accepted()
    endpoint = subscriber.endpoint()
    settle.subscribe(client[3], f"{prefix}first use+%", endpoint)


def test_who_may_is_asked_of_the_topic_that_is_meant(compat, hub):
    """Rules name topics as they are registered; the spelling of a request opens none."""
    hub.register("rules/a b").check_accepted()
    blank, coded = compat.hub(2, basic("blank")), compat.hub(2, basic("coded"))
    publish_raw(blank, "rules/a%2520b", b"x").check_accepted()
    check_refused_in_body(publish_raw(coded, "rules/a%2520b", b"x"), "not allowed for this topic")
    hub.register("rules/a%20b").check_accepted()
    wait_for(lambda: publish_raw(coded, "rules/a%2520b", b"x").mode == "accepted", "the other topic")
    check_refused_in_body(publish_raw(blank, "rules/a%2520b", b"x"), "not allowed for this topic")
    publish_raw(blank, "rules/a%20b", b"x").check_accepted()


# --- callbacks that say what is intended ---


def checks_intent(received: Received) -> Reply:
    """As MOSIP's filter with its option for verification by a database."""
    modes = [value for name, value in received.parameters if name == "intentMode"]
    if modes != [received.parameter("hub.mode")]:
        return Reply(404)
    return echo_challenge(received)


class Database:
    """A subscriber with that option."""

    def __init__(self, subscriber):
        self.endpoint = subscriber.endpoint(query="intentMode=subscribe")
        self.endpoint.on_verification = checks_intent
        self.plain = self.endpoint.url.partition("?")[0]

    def url(self, mode: str) -> str:
        return f"{self.plain}?intentMode={mode}"


@pytest.fixture
def database(subscriber):
    return Database(subscriber)


def test_one_subscription_by_two_callbacks(hub, subscriber, database):
    topic = register_all(hub, "intent") + "intent"
    witness = subscriber.endpoint()
    settle.subscribe(hub, topic, witness)
    settle.subscribe(hub, topic, database.endpoint)
    assert database.endpoint.warm_ups()[0].target.endswith("?intentMode=subscribe")
    hub.unsubscribe(topic, database.url("unsubscribe")).check_accepted(202)
    target = database.endpoint.wait_verified("unsubscribe").target
    assert "?intentMode=unsubscribe&hub.mode=unsubscribe&" in target
    settle.wait_silent(hub, topic, database.endpoint, witness)


def test_without_the_switch_they_are_two(compat, kafka, tmp_path, subscriber, database):
    """The hub takes the other callback for another subscription, and the dispatcher calls it as it is."""
    with Suite(kafka.bootstrap, tmp_path, "no-compat-mosip-") as suite:
        suite.start()
        hub = suite.hub()
        hub.register("intent").check_accepted()
        settle.subscribe(hub, "intent", database.endpoint)
        hub.unsubscribe("intent", database.url("unsubscribe")).check_accepted(202)
        database.endpoint.wait_verified("unsubscribe")
        settle.wait_active(hub, "intent", database.endpoint)
        subscriber.retire()


def test_missed_messages_are_asked_for_without_the_intent(hub, database):
    topic = register_all(hub, "missed") + "missed"
    secret = planted.secret()
    settle.subscribe(hub, topic, database.endpoint, secret)
    database.endpoint.on_delivery = answer(503)
    since = utc_now()
    body = planted.payload("missed")
    hub.publish(topic, body).check_accepted()
    asked = MissedMessages(hub, topic, Endpoint(database.plain), secret)
    wait_for(lambda: asked.messages(since) == [body.decode()], "what was missed")
    assert MissedMessages(hub, topic, database.endpoint, secret).messages(since) == [body.decode()]
    wrong = sign(secret, topic, database.plain, since, 1)
    assert asked.ask(since, signature=wrong).status == 401
    query = f"topic={topic}&callback={base64url(database.plain)}&timestamp={since}&pageindex=0"
    headers = {"X-Subscriber-Signature": sign(secret, topic, database.plain, since, 0)}
    found = json.loads(hub.request("GET", f"/hub/?{query}", headers=headers).body)
    assert [content["message"] for content in found["failedcontents"]] == [body.decode()]
