"""Who may ping: the same rules, limits, policy and audit as for publications with content."""

import json

import pytest

from harness.providers import PolicyService
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic

RULES = ["register * any", "publish {user}/* any"]
# One in a bit over a quarter of an hour: no test sees the next one, however slow the machine is.
RATE = "0.001"


def start(kafka, directory, prefix: str, settings: dict[str, str]) -> Suite:
    users = UsersFile(directory / "users", dict.fromkeys(["alice", "bob", "carol"], ""))
    settings = users.settings() | {"WEBSUB_HUB_AUTO_REGISTER": "true"} | settings
    return Suite(kafka.bootstrap, directory, prefix, dispatchers=0, settings=settings)


@pytest.fixture(scope="module")
def ruled(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("pingrules")
    settings = {
        "WEBSUB_AUTH_RULES": ";".join(RULES),
        "WEBSUB_LOG_AUDIT": "all",
        "WEBSUB_LOG_AUDIT_FILE": str(directory / "audit.log"),
    }
    with start(kafka, directory, "pingrules-", settings) as suite:
        suite.audit = directory / "audit.log"
        yield suite.start()


def audited(suite: Suite, **fields) -> list[dict]:
    lines = [json.loads(line) for line in suite.audit.read_text().splitlines()]
    return [line for line in lines if fields.items() <= line.items()]


def test_who_may_not_publish_may_not_ping(ruled, kafka_view):
    own, others = f"alice/{new_topic()}", f"bob/{new_topic()}"
    alice = ruled.hub(headers=basic("alice"))
    assert alice.ping(own).status == 204
    assert others in alice.ping(others).check_denied(403).reason
    assert others in alice.ping(own, others).check_denied(403).reason
    ruled.hub().ping(own).check_denied(401)
    events = kafka_view.records("pingrules-events", f"topic:{own}")
    assert [event.json["type"] for event in events] == ["topic.registered", "topic.pinged"]
    assert not kafka_view.records("pingrules-events", f"topic:{others}")


def test_pings_are_audited_topic_by_topic(ruled):
    topics = [f"carol/{new_topic()}" for _ in range(2)]
    carol = ruled.hub(headers=basic("carol"))
    assert carol.ping(*topics).status == 204
    for topic in topics:
        assert len(audited(ruled, event="audit.allowed", operation="publish", topic=topic, user="carol")) == 1
        assert len(audited(ruled, event="audit.allowed", operation="register", topic=topic)) == 1
    carol.ping("alice/x").check_denied(403)
    assert audited(ruled, event="audit.denied", operation="publish", topic="alice/x", user="carol")


def test_each_topic_of_a_ping_counts_against_the_rate(kafka, tmp_path):
    settings = {"WEBSUB_HUB_PUBLISH_RATE_LIMIT": RATE}
    with start(kafka, tmp_path, "pingrate-", settings) as suite:
        suite.start()
        assert suite.hub(headers=basic("alice")).ping(new_topic()).status == 204
        suite.hub(headers=basic("alice")).ping(new_topic()).check_denied(429)
        suite.hub(headers=basic("bob")).ping(new_topic(), new_topic()).check_denied(429)


def test_the_policy_service_is_asked_about_each_topic(kafka, tmp_path):
    service = PolicyService()
    allowed, denied = new_topic("allowed"), new_topic("denied")
    settings = {"WEBSUB_AUTH_POLICY_URL": service.url("/v1/data/websub/allow")}
    asked = []

    def decide(question):
        asked.append((question["operation"], question["topic"]))
        return question["topic"] != denied

    try:
        with start(kafka, tmp_path, "pingpolicy-", settings) as suite:
            service.decide = decide
            hub = suite.start().hub(headers=basic("alice"))
            hub.ping(allowed, denied).check_denied(403)
            assert asked == [("publish", allowed), ("publish", denied)]
            assert hub.ping(allowed).status == 204
    finally:
        service.stop()
