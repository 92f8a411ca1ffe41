"""The audit log: who was allowed or denied what, when, and why."""

import json
import re

import pytest

from harness import planted
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import PASSWORD, UsersFile, basic
from harness.wait import wait_for

RULES = ["register,deregister,publish {user}/* any", "subscribe,unsubscribe */* role:READER"]
USERS = {"alice": "", "bob": "READER", "root": "websub-operator"}
CALLBACK = "http://subscriber.example/callback"
SECRET = planted.secret("of-a-subscription")


class AuditFile:
    def __init__(self, path):
        self.path = path

    def lines(self, **fields) -> list[dict]:
        """Those with these fields; all are whole lines of JSON."""
        lines = [json.loads(line) for line in self.path.read_text().split("\n")[:-1]]
        return [line for line in lines if fields.items() <= line.items()]

    def one(self, **fields) -> dict:
        """Written by the time the answer is there: nothing to wait for."""
        found = self.lines(**fields)
        assert len(found) == 1, found
        return found[0]


def start(kafka, directory, prefix: str, scope: str) -> tuple[Suite, AuditFile]:
    users = UsersFile(directory / "users", USERS)
    audit = AuditFile(directory / "audit.log")
    settings = users.settings() | {
        "WEBSUB_AUTH_RULES": ";".join(RULES),
        "WEBSUB_HUB_AUTO_REGISTER": "true",
        "WEBSUB_LOG_AUDIT": scope,
        "WEBSUB_LOG_AUDIT_FILE": str(audit.path),
    }
    return Suite(kafka.bootstrap, directory, prefix, dispatchers=0, settings=settings), audit


@pytest.fixture(scope="module")
def audited(kafka, tmp_path_factory):
    suite, audit = start(kafka, tmp_path_factory.mktemp("audit"), "audit-", "changes")
    with suite:
        yield suite.start(), audit


def fresh(owner: str) -> str:
    return f"{owner}/{new_topic()}"


def check_form(line: dict) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
    assert line["level"] == "audit" and line["program"] == "websub-hub", line
    assert line["address"] == "127.0.0.1", line


def test_allowed_changes(audited):
    suite, audit = audited
    alice, bob = suite.hub(headers=basic("alice")), suite.hub(headers=basic("bob"))
    topic = fresh("alice")
    alice.register(topic).check_accepted()
    bob.subscribe(topic, CALLBACK, SECRET).check_accepted(202)
    bob.unsubscribe(topic, CALLBACK).check_accepted(202)
    alice.deregister(topic).check_accepted()
    for user, operation in [
        ("alice", "register"),
        ("bob", "subscribe"),
        ("bob", "unsubscribe"),
        ("alice", "deregister"),
    ]:
        line = audit.one(event="audit.allowed", operation=operation, topic=topic)
        check_form(line)
        assert (line["user"], line["method"]) == (user, "basic"), line
        assert "reason" not in line
        if "subscribe" in operation:
            assert line["callback"] == CALLBACK and line["request"], line


def test_denied_requests_say_why(audited):
    suite, audit = audited
    bob = suite.hub(headers=basic("bob"))
    topic = fresh("alice")
    bob.register(topic).check_denied(403)
    bob.publish(topic, planted.payload()).check_denied(403)
    suite.hub(headers=basic("alice")).subscribe(topic, CALLBACK).check_denied(403)
    for user, operation in [("bob", "register"), ("bob", "publish"), ("alice", "subscribe")]:
        line = audit.one(event="audit.denied", operation=operation, topic=topic)
        check_form(line)
        assert (line["user"], line["reason"]) == (user, "not allowed for this topic"), line


def test_requests_of_nobody(audited):
    """Who is not known, but what was tried, and from where."""
    suite, audit = audited
    topics = [fresh("alice") for _ in range(3)]
    suite.hub().register(topics[0]).check_denied(401)
    suite.hub(headers=basic("alice", planted.secret("wrong"))).publish(
        topics[1], planted.payload()
    ).check_denied(401)
    suite.hub(headers={"Authorization": "Basic !"}).subscribe(topics[2], CALLBACK + "?t=1").check_denied(401)
    reasons = ["authentication is required", "wrong name or password", "of the right form"]
    for topic, operation, reason in zip(topics, ["register", "publish", "subscribe"], reasons):
        line = audit.one(event="audit.denied", topic=topic)
        check_form(line)
        assert line["operation"] == operation and reason in line["reason"], line
        assert "user" not in line and "method" not in line, line
    assert audit.one(topic=topics[2])["callback"] == CALLBACK


def test_request_of_nobody_that_makes_no_sense(audited):
    suite, audit = audited
    before = len(audit.lines(event="audit.denied"))
    hub = suite.hub()
    for target in ("/hub", "/hub?hub.mode=%zz", "/hub?hub.mode=no&hub.topic=%07"):
        hub.request("POST", target, b"\xff", {"Content-Type": "text/plain"}).check_denied(401)
    lines = audit.lines(event="audit.denied")[before:]
    assert len(lines) == 3
    for line in lines:
        check_form(line)
        assert "topic" not in line and "operation" not in line, line


def test_topic_registered_on_first_use(audited):
    suite, audit = audited
    topic = fresh("alice")
    suite.hub(headers=basic("alice")).publish(topic, planted.payload()).check_accepted()
    line = audit.one(topic=topic)
    assert (line["event"], line["operation"], line["reason"]) == ("audit.allowed", "register", "on first use")


def test_operators_are_marked(audited):
    suite, audit = audited
    topic = fresh("alice")
    suite.hub(headers=basic("root")).register(topic).check_accepted()
    assert audit.one(topic=topic)["reason"] == "operator"


def test_allowed_publications_are_left_out(audited):
    suite, audit = audited
    topic = fresh("alice")
    alice = suite.hub(headers=basic("alice"))
    alice.register(topic).check_accepted()
    alice.publish(topic, planted.payload()).check_accepted()
    assert [line["operation"] for line in audit.lines(topic=topic)] == ["register"]


def test_callbacks_lose_their_query(audited):
    suite, audit = audited
    topic = fresh("alice")
    suite.hub(headers=basic("bob")).subscribe(topic, f"{CALLBACK}?token={SECRET}", SECRET).check_denied(404)
    suite.hub(headers=basic("alice")).register(topic).check_accepted()
    suite.hub(headers=basic("bob")).subscribe(topic, f"{CALLBACK}?token={SECRET}", SECRET).check_accepted(202)
    assert audit.one(topic=topic, operation="subscribe")["callback"] == CALLBACK


def test_no_line_is_left_out(audited):
    """Other events are, when they repeat."""
    suite, audit = audited
    topic = fresh("alice")
    bob = suite.hub(headers=basic("bob"))
    for _ in range(100):
        bob.register(topic).check_denied(403)
    assert len(audit.lines(topic=topic)) == 100


def test_hostile_topics_stay_in_their_line(audited):
    suite, audit = audited
    topic = 'alice/"}{"event":"audit.allowed","user":"root"}\u2028 ' + new_topic()
    suite.hub(headers=basic("bob")).register(topic).check_denied(403)
    assert audit.one(topic=topic)["event"] == "audit.denied"


def test_nothing_secret_is_in_it(audited):
    """Whatever the tests before have sent."""
    _, audit = audited
    text = audit.path.read_text()
    assert text and planted.MARK not in text and PASSWORD not in text
    assert "Basic " not in text and "$6$" not in text


def test_its_file_is_not_for_everyone(audited):
    _, audit = audited
    assert audit.path.stat().st_mode & 0o007 == 0


def test_all_has_publications_too(kafka, tmp_path):
    suite, audit = start(kafka, tmp_path, "audit-all-", "all")
    with suite:
        alice = suite.start().hub(headers=basic("alice"))
        topic = fresh("alice")
        message = alice.publish(topic, planted.payload()).check_accepted().message_id
        line = audit.one(event="audit.allowed", operation="publish", topic=topic)
        assert (line["user"], line["request"]) == ("alice", message)
    assert planted.MARK not in audit.path.read_text()


def test_off_has_nothing(kafka, tmp_path):
    suite, audit = start(kafka, tmp_path, "audit-off-", "off")
    with suite:
        suite.start().hub(headers=basic("alice")).register(fresh("alice")).check_accepted()
        suite.hub(headers=basic("bob")).register(fresh("alice")).check_denied(403)
        suite.hub().register(fresh("alice")).check_denied(401)
    assert audit.path.read_text() == ""


def test_without_a_file_it_is_on_stderr(suite, hub):
    """And without authentication nobody is named."""
    topic = new_topic()
    hub.register(topic).check_accepted()
    lines = wait_for(lambda: suite["hub-0"].events("audit.allowed", topic=topic), "the line")
    assert lines[0]["operation"] == "register" and "user" not in lines[0]


def test_file_that_cannot_be_opened_stops_the_start(kafka, tmp_path):
    settings = {"WEBSUB_LOG_AUDIT_FILE": str(tmp_path / "nowhere" / "audit.log")}
    with Suite(kafka.bootstrap, tmp_path, "audit-bad-", dispatchers=0, settings=settings) as suite:
        program = suite["hub-0"]
        suite.start_without_waiting("hub-0")
        wait_for(lambda: not program.running, "the hub ends")
        assert program.returncode not in (0, 99)
        assert "log.audit_file" in program.log()
        program.kill()  # its end was expected
