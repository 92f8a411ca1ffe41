"""The operator API, /api/v1: what it tells, to whom, and what it says of bad requests."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.ids import subscription_id, topic_id
from harness.operator_api import Api, Command
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.users import UsersFile, basic
from harness.wait import DEADLINE, wait_for

USERS = {"bank": "", "other": "", "root": "websub-operator"}


@pytest.fixture(scope="module")
def api_suite(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("api")
    # So that lag is looked up, and failures are reported, before anybody asks.
    quick = {"WEBSUB_HUB_LAG_INTERVAL": "300ms", "WEBSUB_DISPATCHER_STATUS_INTERVAL": "300ms"}
    settings = UsersFile(directory / "users", USERS).settings() | quick
    with Suite(kafka.bootstrap, directory, "api-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def root(api_suite):
    return Api(api_suite, "root")


@pytest.fixture
def bank(api_suite):
    return Api(api_suite, "bank")


@pytest.fixture
def other(api_suite):
    return Api(api_suite, "other")


@pytest.fixture
def topic(bank):
    return register_topic(bank.hub, "api")


@pytest.fixture
def endpoint(bank, root, topic, subscriber):
    """Of an active subscription; the hub hears of that by a way of its own."""
    endpoint = subscriber.endpoint()
    subscribe(bank.hub, topic, endpoint, planted.secret("of-the-bank"), 3600)
    Command(root, topic, endpoint).wait_status("active")
    return endpoint


# --- topics ---


def test_a_topic_is_listed_and_found(root, topic):
    (listed,) = wait_for(lambda: root.value(f"topics?topic={topic}")["items"], "the topic in the list")
    assert listed["topic"] == topic and listed["id"] == topic_id(topic)
    assert root.value(f"topics/{listed['id']}", "/topics/{id}") == listed


def test_topics_are_paged_in_order_without_gaps(root, bank):
    prefix = new_topic("paged")
    names = [f"{prefix}/{number}" for number in range(7)]
    for name in reversed(names):
        bank.hub.register(name).check_accepted()
    wait_for(lambda: len(root.value(f"topics?topic={prefix}")["items"]) == 7, "all to be listed")
    for limit in (1, 3, 7, 8):
        assert [item["topic"] for item in root.pages(f"topics?topic={prefix}", limit)] == names


def test_only_operators_list_topics(bank, topic):
    bank.problem("topics", 403)
    bank.problem(f"topics/{topic_id(topic)}", 403)


# --- subscriptions ---


def test_a_subscription_is_shown_without_its_secret(root, bank, topic, endpoint):
    path = f"subscriptions/{subscription_id(topic, endpoint.url)}"
    for api in (root, bank):
        shown = api.value(path, "/subscriptions/{id}")
        assert (shown["topic"], shown["callback"], shown["owner"]) == (topic, endpoint.url, "bank")
        assert (shown["status"], shown["signed"], shown["lease_seconds"]) == ("active", True, 3600)
        assert planted.MARK not in json.dumps(shown)


def test_others_do_not_see_it(other, topic, endpoint):
    other.problem(f"subscriptions/{subscription_id(topic, endpoint.url)}", 404)
    assert other.value(f"subscriptions?topic={topic}")["items"] == []
    other.problem("subscriptions?owner=bank", 403, "owner")


def test_subscriptions_are_filtered(root, topic, endpoint, bank, subscriber):
    never, release = subscriber.endpoint("never"), threading.Event()
    never.on_verification = hold(release, then=answer(404))
    bank.hub.subscribe(topic, never.url).check_accepted(202)
    here = f"subscriptions?topic={topic}"
    wait_for(lambda: len(root.value(here)["items"]) == 2, "both to be listed")
    host = endpoint.url.split("/")[2].split(":")[0]

    def callbacks(more: str) -> list[str]:
        return [item["callback"] for item in root.value(here + more)["items"]]

    assert callbacks("&status=active") == [endpoint.url]
    assert callbacks("&status=requested") == [never.url]
    assert callbacks("&status=lapsed") == []
    assert set(callbacks(f"&callback_host={host}")) == {endpoint.url, never.url}
    assert callbacks("&callback_host=elsewhere.example") == []
    assert callbacks("&owner=bank") == [endpoint.url]  # the other was never verified: it is nobody's yet
    assert callbacks("&owner=other") == []
    release.set()


def test_subscriptions_are_paged_in_order_without_gaps(root, bank, topic, subscriber):
    urls = {subscriber.endpoint().url for _ in range(5)}
    for url in urls:
        bank.hub.subscribe(topic, url).check_accepted(202)
    here = f"subscriptions?topic={topic}"
    wait_for(lambda: len(root.value(here)["items"]) == 5, "all to be listed")
    for limit in (1, 2, 5):
        items = root.pages(here, limit)
        assert {item["callback"] for item in items} == urls and len(items) == 5
        assert [item["id"] for item in items] == sorted(item["id"] for item in items)


# --- missed messages ---


def missed_path(topic, endpoint) -> str:
    return f"subscriptions/{subscription_id(topic, endpoint.url)}/missed-messages"


def missed(api: Api, topic, endpoint, limit: int, source: str = "backlog") -> list[dict]:
    """All of it, page by page."""
    items, cursor = [], ""
    while cursor is not None:
        query = f"?limit={limit}&source={source}" + (f"&cursor={cursor}" if cursor else "")
        path = missed_path(topic, endpoint)
        page = api.value(path + query, "/subscriptions/{id}/missed-messages")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


@pytest.mark.parametrize("limit", [7, 1000])
def test_what_is_missed_is_paged_exactly_and_in_order(root, bank, topic, endpoint, subscriber, limit):
    wait_for(lambda: not missed(bank, topic, endpoint, 1000), "what was confirmed to be committed")
    endpoint.on_delivery = answer(500)
    bodies = [planted.payload(f"missed {number}") for number in range(60)]
    for body in bodies:
        bank.hub.publish(topic, body, 'text/plain; a="b"').check_accepted()
        bank.hub.publish(f"{topic}/other", body).check_denied(404)
    items = missed(root, topic, endpoint, limit)
    assert [item["body"]["data"].encode() for item in items] == bodies
    assert [item["offset"] for item in items] == sorted(item["offset"] for item in items)
    assert all((i["size"], i["content_type"]) == (len(bodies[0]), 'text/plain; a="b"') for i in items[:10])
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)
    wait_for(lambda: not missed(root, topic, endpoint, limit), "nothing to be missed any more")


def test_bodies_of_all_kinds_and_export(root, bank, topic, endpoint):
    wait_for(lambda: not missed(bank, topic, endpoint, 1000), "what was confirmed to be committed")
    endpoint.on_delivery = answer(500)
    kinds = {b"\xff\x00": "application/octet-stream", b'{"a":1}': "application/cloudevents+json", b"x": None}
    for body, content_type in kinds.items():
        bank.hub.publish(topic, body, content_type).check_accepted()
    path = missed_path(topic, endpoint)
    text = root.get(f"{path}?format=ndjson&limit=2")
    assert text.status == 200 and text.header("Content-Type") == "application/x-ndjson"
    first, second = [json.loads(line) for line in text.body.splitlines()]
    assert first["body"] == {"encoding": "base64", "data": "/wA="} and not first["json"]
    assert second["body"] == {"encoding": "text", "data": '{"a":1}'} and second["json"]
    rest = root.get(f"{path}?format=ndjson&cursor={text.header('X-Next-Cursor')}")
    (third,) = [json.loads(line) for line in rest.body.splitlines()]
    assert third["content_type"] == "application/octet-stream" and third["size"] == 1


def test_others_do_not_see_what_is_missed(other, topic, endpoint):
    other.problem(missed_path(topic, endpoint), 404)


# --- attempts ---


def test_attempts_tell_why(root, bank, other, topic, endpoint):
    endpoint.on_delivery = answer(503, body=b"closed for inventory")
    message = bank.hub.publish(topic, planted.payload()).check_accepted().message_id
    path = f"subscriptions/{subscription_id(topic, endpoint.url)}/attempts"

    def failures(api: Api) -> list[dict]:
        items = api.value(path, "/subscriptions/{id}/attempts")["items"]
        return [item for item in items if item["type"] == "delivery.failed" and item["failures"] >= 2]

    failed = wait_for(lambda: failures(bank), "the attempts")[0]
    assert (failed["status"], failed["message"]) == (503, message)
    assert failed["excerpt"] == "closed for inventory" and failed["retry_in_ms"] > 0
    assert failures(root)
    other.problem(path, 404)
    assert root.value(f"{path}?since=2099-01-01T00:00:00Z", "/subscriptions/{id}/attempts")["items"] == []


# --- what is wrong ---

BAD = {
    "subscriptions?limit=0": "limit",
    "subscriptions?limit=1001": "limit",
    "subscriptions?limit=ten": "limit",
    "subscriptions?limit=": "limit",
    "subscriptions?limit=1&limit=2": "limit",
    "subscriptions?status=dead": "status",
    "subscriptions?cursor=x": "cursor",
    "subscriptions?colour=red": "colour",
    f"subscriptions/{'0' * 32}/missed-messages?source=all": "source",
    f"subscriptions/{'0' * 32}/missed-messages?limit=1001": "limit",
    "topics?limit=-1": "limit",
    "topics?status=active": "status",
    "topics?topic=%zz": None,
}


@pytest.mark.parametrize("path", BAD)
def test_bad_parameters_are_named(root, path):
    root.problem(path, 400, BAD[path])


@pytest.mark.parametrize(
    "path",
    [
        "topics/x",
        f"topics/{'0' * 32}",
        "subscriptions/x",
        f"subscriptions/{'0' * 32}/missed-messages",
        "nothing",
        "topics/",
    ],
)
def test_what_is_not_there(root, path):
    root.problem(path, 404)


def test_methods_that_a_path_does_not_have(root):
    answer = root.hub.request("DELETE", "/api/v1/topics")
    assert (answer.status, answer.header("Allow")) == (405, "GET")


def test_nobody_gets_in_without_credentials(api_suite):
    answer = api_suite.hub().request("GET", "/api/v1/subscriptions")
    assert answer.status == 401 and answer.header("WWW-Authenticate").startswith("Basic")
    assert answer.header("Content-Type") == "application/problem+json"
    malformed = api_suite.hub(headers={"Authorization": "Basic ?"}).request("GET", "/api/v1/subscriptions")
    assert malformed.status == 401 and malformed.header("WWW-Authenticate").startswith("Basic")


def test_answers_carry_security_headers(root):
    assert root.get("topics").header("X-Content-Type-Options") == "nosniff"


# --- the description ---


@pytest.mark.timeout(400)  # a thousand requests
def test_answers_are_as_described_whatever_is_asked(api_suite, root, bank, topic, endpoint):
    """schemathesis makes good and bad requests from the description: no 5xx, no answer that is not in it."""
    endpoint.on_delivery = answer(500)
    bank.hub.publish(topic, planted.payload()).check_accepted()
    root.wait_subscription(topic, endpoint, "lag and a failure", lambda s: s["lag"] and s["last_failure"])
    hub = api_suite["hub-0"]
    command = [
        f"{Path(sys.executable).parent}/schemathesis",
        "run",
        f"http://127.0.0.1:{hub.port}/api/v1/openapi.json",
        "--header",
        f"Authorization: {basic('root')['Authorization']}",
        "--checks=all",
        # A deletion is answered when it is written down, not when it has come to pass.
        "--exclude-checks=use_after_free",
        "--seed=1",
        "--max-examples=40",
        f"--request-timeout={DEADLINE:g}",
        "--no-color",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=hub.log_path.parent)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
