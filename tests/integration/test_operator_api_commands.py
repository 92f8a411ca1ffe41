"""Commands of the operator API: who may give which, what they do, and what is said of bad ones."""

import uuid

import pytest

from harness import planted
from harness.behaviours import answer
from harness.ids import subscription_id
from harness.operator_api import Api, Command
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.users import UsersFile
from harness.wait import wait_for

USERS = {"bank": "", "other": "", "root": "websub-operator"}


@pytest.fixture(scope="module")
def api_suite(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("api-commands")
    settings = UsersFile(directory / "users", USERS).settings()
    with Suite(kafka.bootstrap, directory, "api-commands-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def root(api_suite):
    return Api(api_suite, "root")


@pytest.fixture
def bank(api_suite):
    return Api(api_suite, "bank")


@pytest.fixture
def topic(bank):
    return register_topic(bank.hub, "api")


@pytest.fixture
def endpoint(root, bank, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(bank.hub, topic, endpoint, planted.secret("of-the-bank"), 3600)
    Command(root, topic, endpoint).wait_status("active")  # the dispatcher knows; so must the hub
    return endpoint


@pytest.fixture
def command(root, topic, endpoint):
    return Command(root, topic, endpoint)


def publish(bank, topic, count: int, what: str) -> list[bytes]:
    bodies = [planted.payload(f"{what} {number}") for number in range(count)]
    for body in bodies:
        bank.hub.publish(topic, body).check_accepted()
    return bodies


def test_pause_and_resume(bank, topic, endpoint, command):
    command("pause", {"reason": "maintenance"})
    command.wait_status("paused")
    bodies = publish(bank, topic, 5, "while paused")
    command("resume")
    endpoint.wait_bodies(bodies)
    command.wait_status("active")


def test_skip_to_the_end(bank, topic, endpoint, command):
    endpoint.on_delivery = answer(500)
    publish(bank, topic, 20, "skipped")
    endpoint.wait_attempts(2)
    command("pause")
    command.wait_status("paused")
    command("move", {"to": "end"})
    command("resume")
    command.wait_status("active")
    # State says so before the dispatcher does it.
    command.wait_attempt("delivery.moved")
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(publish(bank, topic, 5, "after"))


def test_replay_from_an_offset(root, bank, topic, endpoint, command):
    bodies = publish(bank, topic, 10, "twice")
    endpoint.wait_bodies(bodies)
    wait_for(lambda: not command.missed(""), "what was confirmed to be committed")
    command("pause")
    command.wait_status("paused")
    command("move", {"to": "beginning"})
    command("resume")
    wait_for(lambda: endpoint.bodies()[10:] == bodies, "all of them once more, in order")


def test_one_message_once_more(root, bank, topic, endpoint, command):
    endpoint.on_delivery = answer(500)
    bodies = publish(bank, topic, 3, "some")
    offsets = [item["offset"] for item in command.missed("")][-3:]
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)
    command("redeliver", {"offset": offsets[1]})
    wait_for(lambda: endpoint.bodies() == [*bodies, bodies[1]], "the second once more")


def test_delete_ends_it_with_a_notice(root, topic, endpoint, command):
    command("delete")
    endpoint.wait_denied()
    path = f"subscriptions/{subscription_id(topic, endpoint.url)}"
    wait_for(lambda: root.get(path).status == 404, "it to be gone")
    command("pause", status=404)


def test_only_operators_command(bank, topic, endpoint):
    forbidden = Command(bank, topic, endpoint)
    for name in ("pause", "resume", "delete"):
        forbidden(name, status=403)


def test_commands_that_make_no_sense(command):
    assert command("move", {"to": "tomorrow"}, 400)["parameter"] == "to"
    assert command("move", {"offset": 10**9}, 409)["parameter"] == "offset"
    assert command("redeliver", {}, 400)["parameter"] == "offset"
    assert command("pause", {"why": "x"}, 400)["parameter"] == "why"
    assert command("pause", {"reason": 5}, 400)["parameter"] == "reason"


def test_commands_are_audited(api_suite, command):
    identifier = command("pause")["command"]
    (line,) = api_suite["hub-0"].events("audit.allowed", request=identifier)
    assert (line["operation"], line["user"], line["reason"]) == ("subscription.pause", "root", "operator")


# --- by id ---


def publish_ids(bank, topic, count: int, what: str) -> tuple[list[bytes], list[str]]:
    bodies = [planted.payload(f"{what} {number}") for number in range(count)]
    return bodies, [bank.hub.publish(topic, body).check_accepted().message_id for body in bodies]


def test_replay_from_a_message(bank, topic, endpoint, command):
    bodies, ids = publish_ids(bank, topic, 6, "by id")
    endpoint.wait_bodies(bodies)
    command("move", {"message": ids[2]})
    endpoint.wait_bodies(bodies + bodies[2:])


def test_one_message_once_more_by_its_id(bank, topic, endpoint, command):
    bodies, ids = publish_ids(bank, topic, 3, "by id")
    endpoint.wait_bodies(bodies)
    command("redeliver", {"message": ids[1]})
    endpoint.wait_bodies([*bodies, bodies[1]])


def test_a_message_that_is_not_there_is_told_by_name(bank, topic, endpoint, command):
    """Neither one of another topic, nor one that nobody published, nor what is no id."""
    another = new_topic("another")
    bank.hub.register(another).check_accepted()
    _, (foreign,) = publish_ids(bank, another, 1, "elsewhere")
    bodies, (known,) = publish_ids(bank, topic, 1, "here")
    never = known[:-1] + ("0" if known[-1] != "0" else "1")
    for name in ("move", "redeliver"):
        for message in (foreign, never, "00000000-0001-7000-8000-000000000000"):
            assert command(name, {"message": message}, 404)["parameter"] == "message"
        for message in ("", "x", str(uuid.uuid4()), known.upper(), 5):
            assert command(name, {"message": message}, 400)["parameter"] == "message"
    endpoint.wait_bodies(bodies)


def test_exactly_one_place_is_given(command):
    known = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert command("move", {}, 400)["parameter"] == "to"
    assert command("move", {"to": "end", "offset": 0}, 400)["parameter"] == "offset"
    assert command("move", {"to": "end", "message": known}, 400)["parameter"] == "message"
    assert command("move", {"dead_letters": True}, 400)["parameter"] == "dead_letters"
    assert command("redeliver", {"offset": 0, "message": known}, 400)["parameter"] == "message"
    assert command("redeliver", {"offset": 0, "dead_letters": True}, 400)["parameter"] == "dead_letters"
    assert command("redeliver", {"dead_letters": False}, 400)["parameter"] == "dead_letters"
    assert command("redeliver", {"to": "end"}, 400)["parameter"] == "to"
    assert command("pause", {"offset": 0}, 400)["parameter"] == "offset"


def test_commands_for_what_is_not_active(bank, topic, endpoint, command, root):
    command("delete")
    path = f"subscriptions/{subscription_id(topic, endpoint.url)}"
    wait_for(lambda: root.get(path).status == 404, "it to be gone")
    for body in ({"message": "01890a5d-ac96-774b-bcce-b302099a8057"}, {"dead_letters": True}):
        command("redeliver", body, 404)


# --- where to replay from ---


def test_what_the_topic_retains_is_shown_whether_it_was_confirmed_or_not(bank, topic, endpoint, command):
    before, _ = publish_ids(bank, topic, 3, "before")
    endpoint.wait_bodies(before)
    last = wait_for(lambda: command.missed("source=topic&since=2020-01-01T00:00:00Z")[-1], "what is retained")
    confirmed, ids = publish_ids(bank, topic, 3, "confirmed")
    endpoint.wait_bodies(before + confirmed)
    endpoint.on_delivery = answer(500)
    waiting, more = publish_ids(bank, topic, 2, "waiting")
    since = last["published_at"]
    items = [
        item for item in command.missed(f"source=topic&since={since}", limit=2) if item["id"] != last["id"]
    ]
    assert [item["id"] for item in items] == ids + more
    assert [item["body"]["data"].encode() for item in items] == confirmed + waiting
    assert [item["id"] for item in command.missed(f"since={items[-1]['published_at']}")][-1:] == more[-1:]
    assert command.missed("since=2099-01-01T00:00:00Z") == []
    assert command.missed("source=topic&since=2099-01-01T00:00:00Z") == []


def test_the_topic_is_shown_since_a_time_only(root, topic, endpoint):
    here = f"subscriptions/{subscription_id(topic, endpoint.url)}/missed-messages"
    root.problem(f"{here}?source=topic", 400, "since")
    root.problem(f"{here}?source=topic&since=yesterday", 400, "since")
    told = root.problem(f"{here}?source=all", 400, "source")["detail"]
    assert all(value in told for value in ("backlog", "dead-letters", "topic"))
