"""The policy service (auth.policy_url) is asked about everything, and its word is final."""

import threading

import pytest

from harness import planted
from harness.behaviours import hold
from harness.providers import TROUBLE, Clients, Introspection, PolicyService, bearer, json_reply
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.wait import wait_for

UNKNOWN = "it cannot be found out now whether this is allowed"
CALLBACK = "http://127.0.0.1:9/callback?key=value"


@pytest.fixture(scope="module")
def provider():
    provider = Introspection()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def service():
    service = PolicyService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def governed(kafka, provider, service, tmp_path_factory):
    """What the service does not answer is denied by hub-0 and allowed by hub-1."""
    settings = {
        "WEBSUB_AUTH_MODE": "introspection",
        "WEBSUB_AUTH_INTROSPECTION_URL": provider.url("/introspect"),
        "WEBSUB_AUTH_INTROSPECTION_CLIENT_ID": Introspection.CLIENT_ID,
        "WEBSUB_AUTH_INTROSPECTION_CLIENT_SECRET": Introspection.CLIENT_SECRET,
        "WEBSUB_AUTH_POLICY_URL": service.url("/v1/data/websub/allow"),
        # Only who never answers is to be too late, however busy the machine is.
        "WEBSUB_AUTH_POLICY_TIMEOUT": "5s",
    }
    directory = tmp_path_factory.mktemp("policy")
    with Suite(kafka.bootstrap, directory, "policy-", hubs=2, settings=settings) as suite:
        suite["hub-1"].env["WEBSUB_AUTH_POLICY_ON_FAILURE"] = "allow"
        yield suite.start()


@pytest.fixture
def policy(service):
    yield service
    service.decide = lambda question: True
    service.recover()


@pytest.fixture
def hub(governed, provider):
    clients = Clients(governed)
    yield clients(bearer(provider.issue(sub="service-account-ann", scope="read write")))
    clients.close()


@pytest.fixture
def lenient_hub(governed, provider):
    clients = Clients(governed, 1)
    yield clients(bearer(provider.issue()))
    clients.close()


IDENTITY = {"name": "ann", "method": "introspection", "roles": ["read", "write"]}

OPERATIONS = {
    "register": (lambda hub, topic: hub.register(topic), 200),
    "deregister": (lambda hub, topic: hub.deregister(topic), 200),
    "publish": (lambda hub, topic: hub.publish(topic, planted.payload()), 200),
    "subscribe": (lambda hub, topic: hub.subscribe(topic, CALLBACK), 202),
    "unsubscribe": (lambda hub, topic: hub.unsubscribe(topic, CALLBACK), 202),
}
ANSWERED = ["register", "deregister", "publish"]  # 403; of the others the callback is told


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_service_is_asked_and_allows(hub, policy, operation):
    do, status = OPERATIONS[operation]
    topic = register_topic(hub)
    do(hub, topic).check_accepted(status)
    expected = {"operation": operation, "topic": topic, "identity": IDENTITY}
    if operation.endswith("subscribe"):
        expected["callback"] = CALLBACK
    assert policy.questions(topic)[-1] == expected


@pytest.mark.parametrize("operation", ANSWERED)
def test_the_service_denies_with_a_reason(governed, hub, policy, operation):
    do, _ = OPERATIONS[operation]
    topic = register_topic(hub)
    policy.decide = lambda question: {"allow": False, "reason": f"no {question['operation']} today\n<b>"}
    assert do(hub, topic).check_denied(403).reason == f"no {operation} today <b>"
    events = governed["hub-0"].events("audit.denied", topic=topic)
    assert [(e["operation"], e["user"], e["reason"]) for e in events] == [
        (operation, "ann", f"no {operation} today <b>")
    ]


def test_what_is_denied_is_not_done(hub, policy):
    topic = new_topic()
    policy.decide = lambda question: False
    assert hub.register(topic).check_denied(403).reason == "the policy does not allow it"
    policy.decide = lambda question: True
    hub.publish(topic, planted.payload()).check_denied(404)


def test_decisions_are_not_remembered(hub, policy):
    topic = register_topic(hub)
    for allowed in (True, False, True):
        policy.decide = lambda question: allowed  # noqa: B023 asked before the next round
        done = hub.publish(topic, planted.payload())
        done.check_accepted() if allowed else done.check_denied(403)
    assert len(policy.questions(topic)) == 4  # with the registration


def test_nothing_is_asked_about_requests_that_are_wrong_anyway(hub, policy):
    before = len(policy.requests())
    hub.register("").check_denied(400)
    hub.subscribe(new_topic(), "ftp://callback").check_denied(400)
    assert len(policy.requests()) == before


UNCLEAR = {
    "undefined": lambda received: json_reply({}),
    "null": lambda received: json_reply({"result": None}),
    "text": lambda received: json_reply({"result": "true"}),
    "no allow": lambda received: json_reply({"result": {"reason": "because"}}),
    "true, with 500": lambda received: json_reply({"result": True}, 500),
}


@pytest.mark.parametrize("name", TROUBLE | UNCLEAR)
def test_no_clear_answer_means_what_is_configured(governed, hub, lenient_hub, policy, name):
    topic = register_topic(hub)
    policy.trouble = (TROUBLE | UNCLEAR)[name]
    assert hub.publish(topic, planted.payload()).check_denied(403).reason == UNKNOWN
    lenient_hub.publish(topic, planted.payload()).check_accepted()
    assert governed["hub-0"].events("policy.failed", allowed=False)
    assert governed["hub-1"].events("policy.failed", allowed=True)


def test_service_down(hub, lenient_hub, policy):
    topic = register_topic(hub)
    policy.stop()
    assert hub.publish(topic, planted.payload()).check_denied(403).reason == UNKNOWN
    lenient_hub.publish(topic, planted.payload()).check_accepted()
    policy.recover()
    hub.publish(topic, planted.payload()).check_accepted()


def test_service_that_never_answers(hub, lenient_hub, policy):
    topic = register_topic(hub)
    release = threading.Event()
    policy.trouble = hold(release, policy.answer)
    try:
        assert hub.publish(topic, planted.payload()).check_denied(403).reason == UNKNOWN
        lenient_hub.publish(topic, planted.payload()).check_accepted()
    finally:
        release.set()


def test_a_denial_counts_even_if_failures_do_not(lenient_hub, policy):
    topic = register_topic(lenient_hub)
    policy.decide = lambda question: False
    lenient_hub.publish(topic, planted.payload()).check_denied(403)


# --- of subscriptions the subscriber hears at its callback (WebSub, section 5.2) ---


@pytest.mark.parametrize("operation", ["subscribe", "unsubscribe"])
def test_denied_subscription_is_accepted_and_denied_at_the_callback(
    governed, hub, policy, subscriber, operation
):
    topic = register_topic(hub)
    endpoint = subscriber.endpoint()
    policy.decide = lambda question: {"allow": False, "reason": f"no {question['operation']} today"}
    {"subscribe": hub.subscribe, "unsubscribe": hub.unsubscribe}[operation](
        topic, endpoint.url
    ).check_accepted(202)
    denial = endpoint.wait_denied()
    assert denial.parameter("hub.topic") == topic
    assert denial.parameter("hub.reason") == f"no {operation} today"
    assert not endpoint.verifications()
    events = governed["hub-0"].events("audit.denied", topic=topic)
    assert [(e["operation"], e["user"]) for e in events] == [(operation, "ann")]


def test_unanswered_question_about_a_subscription_is_a_denial(hub, policy, subscriber):
    topic = register_topic(hub)
    endpoint = subscriber.endpoint()
    policy.trouble = TROUBLE["500"]
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    assert endpoint.wait_denied().parameter("hub.reason") == UNKNOWN


def test_denied_subscription_changes_nothing(hub, policy, subscriber):
    """What was there goes on: neither a denied renewal nor a denied end touches it."""
    topic = register_topic(hub)
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret())
    policy.decide = lambda question: question["operation"] == "publish"
    hub.subscribe(topic, endpoint.url, planted.secret("other")).check_accepted(202)
    wait_for(lambda: len(endpoint.denials()) == 1, "the denial of the renewal")
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    wait_for(lambda: len(endpoint.denials()) == 2, "the denial of the end")
    body = planted.payload("still here")
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret())
