"""MOSIP's call for missed messages: exactly what was missed, in order, for whoever knows the secret."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from harness import planted
from harness.behaviours import answer
from harness.dead_letters import letters_of
from harness.ids import subscription_id
from harness.kafka import KafkaBroker
from harness.kafka_view import Record
from harness.missed import MissedMessages, base64url, sign, utc_now
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.users import UsersFile, basic
from harness.wait import wait_for

SETTINGS = {
    "WEBSUB_RETRY_MIN_INTERVAL": "50ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "300ms",
    "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
}
KEYS = "new=" + base64.b64encode(b"n" * 32).decode()

# Half of the installations keep secrets encrypted.
LAYOUTS = {
    "dedicated": {"WEBSUB_MESSAGES_LAYOUT": "dedicated"},
    "pooled": {
        "WEBSUB_MESSAGES_LAYOUT": "pooled",
        "WEBSUB_MESSAGES_POOL_PARTITIONS": "1",
        "WEBSUB_SECURITY_SECRET_KEYS": KEYS,
    },
}

TEXTS = ["plain", "", "äöü \U0001f98a", '{"json": "\\"quoted\\""}', "line\r\nline\t\x00", "</script>"]
TYPES = ["text/plain", "application/json", "text/plain; charset=utf-8", "application/xml"]


@pytest.fixture(scope="module", params=LAYOUTS)
def laid_out(request, kafka, tmp_path_factory):
    settings = SETTINGS | LAYOUTS[request.param]
    prefix = f"missed-{request.param}-"
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=settings) as suite:
        yield suite


@pytest.fixture
def running(laid_out):
    return laid_out.start()


def subscribed(suite: Suite, subscriber, name: str = "feed", topic: str | None = None):
    """A subscription that has confirmed everything: what it may ask, its endpoint, and the time now."""
    hub, endpoint = suite.hub(), subscriber.endpoint()
    if topic is None:
        topic = register_topic(hub, name)
    else:
        hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint, planted.secret(name))
    return MissedMessages(hub, topic, endpoint, planted.secret(name)), endpoint, utc_now()


def publish(missed: MissedMessages, count: int, name: str = "missed", noise: str | None = None) -> list[str]:
    """Messages of several types; between them some of the topic `noise`."""
    bodies = []
    for number in range(count):
        body = f"{planted.payload(f'{name} {number}').decode()} {TEXTS[number % len(TEXTS)]}"
        missed.hub.publish(missed.topic, body.encode(), TYPES[number % len(TYPES)]).check_accepted()
        bodies.append(body)
        if noise:
            missed.hub.publish(noise, planted.payload("noise")).check_accepted()
    return bodies


def test_pages_are_exactly_what_was_missed_in_order_and_nothing_is_after_delivery(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    noise = register_topic(missed.hub, "noise")
    assert missed.page(since) == []
    endpoint.on_delivery = answer(500)
    bodies = publish(missed, 120, noise=noise)
    assert missed.messages(since) == bodies
    assert missed.messages(since, count=7) == bodies
    # By row, not by page; ten by default.
    assert [content["message"] for content in missed.page(since, 33)] == bodies[33:43]
    assert [content["message"] for content in missed.page(since, 119, 5)] == bodies[119:]
    assert missed.page(since, 120) == []
    assert missed.page(since, 2**31 - 1, 1000) == []
    endpoint.on_delivery = answer(200)
    wait_for(lambda: missed.page(since) == [], "nothing is missed any more")
    endpoint.wait_bodies([body.encode() for body in bodies])


def test_pages_deep_in_a_long_backlog_are_exact(running, subscriber, kafka_view):
    missed, endpoint, lately = subscribed(running, subscriber)
    endpoint.on_delivery = answer(500)
    noise = register_topic(missed.hub, "noise")
    publish(missed, 1, noise=noise)
    long_ago = "2020-01-01T00:00:00Z"
    wait_for(lambda: len(missed.page(long_ago)) == 1, "nothing else to be missed")
    key = f"subscription:{subscription_id(missed.topic, endpoint.url)}"
    at = kafka_view.last_value(f"{running.prefix}state", key)
    bodies = [f"{planted.payload().decode()} {number}" for number in range(7000)]
    headers = [("message-id", "made-up"), ("published-at", str(int(time.time() * 1000)))]
    kafka_view.produce_all(
        at["kafka_topic"], at["partition"], missed.topic, [body.encode() for body in bodies], headers
    )
    # Since long ago no message's time matters; since lately, each one's does.
    for since in (long_ago, lately):
        for deep in (1, 4998, 6500, 6995):
            page = [content["message"] for content in missed.page(since, deep, 20)]
            assert page == bodies[deep - 1 : deep + 19], f"{deep} deep since {since}"
        assert missed.page(since, 7001, 20) == []
        assert missed.page(since, 2**31 - 1, 20) == []


def test_timestamps_are_when_it_was_published_and_tell_from_when_it_was_missed(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    endpoint.on_delivery = answer(503)
    bodies = publish(missed, 30)
    contents = missed.page(since, 0, 100)
    assert [content["message"] for content in contents] == bodies
    times = [content["timestamp"] for content in contents]
    assert times == sorted(times)
    assert since <= times[0] and times[-1] <= utc_now()
    for timestamp in (times[0], times[13], times[29]):
        expected = [content for content in contents if content["timestamp"] >= timestamp]
        whole = datetime.fromisoformat(timestamp).replace(tzinfo=None).isoformat(timespec="milliseconds")
        for spelling in (timestamp, whole, f"{whole}000Z", f"{whole}%2B00:00", f"{whole}+00:00"):
            signed = spelling.replace("%2B", "+")
            assert missed.page(signed, 0, 100) == expected
    assert missed.page("2000-01-01T00:00:00", 0, 1000)[-30:] == contents
    assert missed.page("9999-12-31T23:59:59Z") == []


def test_bytes_that_are_no_text_come_in_base64(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    endpoint.on_delivery = answer(500)
    body = planted.payload() + b"\x00\xff\xfe"
    missed.hub.publish(missed.topic, body, "image/png").check_accepted()
    assert missed.messages(since) == [base64.b64encode(body).decode()]


def test_page_that_would_be_too_large_is_refused_and_smaller_ones_are_complete(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    endpoint.on_delivery = answer(500)
    bodies = [planted.payload(f"{number} ") + b"x" * 1_000_000 for number in range(36)]
    for body in bodies:
        missed.hub.publish(missed.topic, body).check_accepted()
    refusal = missed.ask(since, 0, 1000).check_denied(413)
    assert refusal.reason.startswith("messageCount")
    assert missed.messages(since, count=15) == [body.decode() for body in bodies]


def test_whatever_is_tampered_with_is_refused_alike(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    other, *_ = subscribed(running, subscriber, "other")
    endpoint.on_delivery = answer(500)
    bodies = publish(missed, 3)
    assert missed.messages(since) == bodies
    refusals = [
        missed.ask(since, 0, 10, tampered={name: value})
        for name, value in {
            "topic": other.topic,
            "callback": base64url(other.callback),
            "timestamp": "2000-01-01T00:00:00.000Z",
            "pageindex": "1",
            "messageCount": "11",
        }.items()
    ]
    refusals += [
        missed.ask(since, 0, 10, tampered={"messageCount": None}),
        missed.ask(since, 0, None, tampered={"messageCount": "10"}),
        missed.ask(since, signature=""),
        missed.ask(since, signature="AAAA"),
        missed.ask(since, signature=sign(other.secret, missed.topic, missed.callback, since, 0)),
        missed.ask(since, signature=sign("", missed.topic, missed.callback, since, 0)),
        # Nobody's: neither topic nor callback is known.
        missed.ask(since, tampered={"topic": new_topic("unknown")}),
        missed.ask(since, tampered={"callback": base64url("http://127.0.0.1:9/nobody")}),
    ]
    reasons = {refusal.check_denied(401).reason for refusal in refusals}
    assert len(reasons) == 1, reasons
    assert missed.messages(since) == bodies


def test_subscription_without_a_secret_is_refused_like_an_unknown_one(running, subscriber):
    hub, endpoint = running.hub(), subscriber.endpoint()
    topic = register_topic(hub, "open")
    subscribe(hub, topic, endpoint)
    for secret in ("", planted.secret()):
        MissedMessages(hub, topic, endpoint, secret).ask(utc_now()).check_denied(401)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic", ""),
        ("topic", "a%07b"),
        ("callback", "http://no-base64.example/"),
        ("callback", base64url("ftp://s.example/")),
        ("timestamp", ""),
        ("timestamp", "yesterday"),
        ("timestamp", "2026-02-30T00:00:00Z"),
        ("pageindex", ""),
        ("pageindex", "-1"),
        ("pageindex", "99999999999999999999"),
        ("messageCount", "0"),
        ("messageCount", "1001"),
        ("messageCount", "1e2"),
        ("messageCount", "10&messageCount=10"),
    ],
)
def test_bad_parameter_is_refused_by_name(running, subscriber, name, value):
    missed = MissedMessages(running.hub(), new_topic(), subscriber.endpoint(), planted.secret())
    refusal = missed.ask(utc_now(), 0, 10, tampered={name: value}).check_denied(400)
    assert refusal.reason.startswith(name), refusal


def test_call_without_parameters_is_refused(running):
    refusal = running.hub().request("GET", "/hub").check_denied(400)
    assert refusal.reason.startswith("topic")


@pytest.mark.parametrize("name", ["partner/CREDENTIAL_ISSUED", "a b", "a+b", "100%25 ä&=#", "%2541"])
def test_topic_may_be_encoded_twice(running, subscriber, name):
    missed, endpoint, since = subscribed(running, subscriber, topic=f"{new_topic()}/{name}")
    endpoint.on_delivery = answer(500)
    bodies = publish(missed, 2)
    assert missed.messages(since) == bodies


def test_what_others_missed_is_not_told(running, subscriber):
    missed, endpoint, since = subscribed(running, subscriber)
    up = subscriber.endpoint("up")
    subscribe(missed.hub, missed.topic, up, planted.secret("up"))
    since = utc_now()
    endpoint.on_delivery = answer(500)
    bodies = publish(missed, 5)
    up.wait_bodies([body.encode() for body in bodies])
    of_up = MissedMessages(missed.hub, missed.topic, up, planted.secret("up"))
    wait_for(lambda: of_up.page(since) == [], "nothing is missed by the one that is up")
    assert missed.messages(since) == bodies


def test_suspended_subscription_can_ask_for_what_it_missed_over_restarts(
    kafka, kafka_view, tmp_path, subscriber
):
    settings = SETTINGS | {"WEBSUB_RETRY_GIVE_UP_AFTER": "500ms", "WEBSUB_RETRY_MAX_INTERVAL": "1h"}
    with Suite(kafka.bootstrap, tmp_path, "missed-suspended-", settings=settings) as suite:
        missed, endpoint, since = subscribed(suite.start(), subscriber)
        endpoint.on_delivery = answer(500)
        bodies = publish(missed, 20)
        key = f"subscription:{subscription_id(missed.topic, missed.callback)}"
        wait_for(
            lambda: kafka_view.last_value(f"{suite.prefix}state", key)["status"] == "suspended",
            "suspended",
            pause=0.1,
        )
        assert missed.messages(since) == bodies
        missed.hub.close()
        suite.terminate()
        suite.start("hub-0")
        assert missed.messages(since) == bodies
        suite.start()


def test_dead_letters_are_missed_too(kafka, kafka_view, tmp_path, subscriber):
    settings = SETTINGS | {"WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter", "WEBSUB_RETRY_GIVE_UP_AFTER": "500ms"}
    with Suite(kafka.bootstrap, tmp_path, "missed-letters-", settings=settings) as suite:
        missed, endpoint, since = subscribed(suite.start(), subscriber)
        endpoint.on_delivery = lambda received: answer(422 if b"poison" in received.body else 200)(received)
        expected = []
        for number in range(3):
            publish(missed, 2, f"before {number}")
            expected += publish(missed, 1, f"poison {number}")

        def letters() -> list[Record]:
            return letters_of(kafka_view, suite, missed.topic, missed.callback)

        wait_for(lambda: len(letters()) == 3, "three dead letters", pause=0.2)
        wait_for(lambda: missed.messages(since) == expected, lambda: f"only letters: {missed.page(since)}")
        # And those that come after them.
        endpoint.on_delivery = answer(500)
        expected += publish(missed, 4, "after")
        wait_for(lambda: missed.messages(since) == expected, "letters and what follows")
        assert missed.messages(since, count=1) == expected
        assert [content["message"] for content in missed.page(since, 2, 3)] == expected[2:5]
        wait_for(lambda: len(letters()) == 7, "all are dead letters", pause=0.2)
        assert missed.messages(since, count=2) == expected


def test_with_authentication_the_signature_is_enough(kafka, tmp_path, subscriber):
    settings = SETTINGS | UsersFile(tmp_path / "users", {"ada": ""}).settings()
    with Suite(kafka.bootstrap, tmp_path, "missed-auth-", settings=settings) as suite:
        ada, endpoint, topic = suite.start().hub(headers=basic("ada")), subscriber.endpoint(), new_topic()
        ada.register(topic).check_accepted()
        subscribe(ada, topic, endpoint, planted.secret())
        since = utc_now()
        endpoint.on_delivery = answer(500)
        bodies = publish(MissedMessages(ada, topic, endpoint, planted.secret()), 3)
        nobody = MissedMessages(suite.hub(), topic, endpoint, planted.secret())
        assert nobody.messages(since) == bodies
        MissedMessages(ada, topic, endpoint, "wrong").ask(since).check_denied(401)


def test_hub_without_a_catalog_says_that_it_cannot_tell(kafka, tmp_path, subscriber):
    with Suite(kafka.bootstrap, tmp_path, "missed-off-", settings={"WEBSUB_HUB_CATALOG": "false"}) as suite:
        missed, *_ = subscribed(suite.start(), subscriber)
        missed.ask(utc_now()).check_denied(501)


OUTAGES = {
    "killed": (KafkaBroker.kill, KafkaBroker.start),
    "frozen": (KafkaBroker.pause, KafkaBroker.resume),
}


def told_at_last(missed: MissedMessages, since: str) -> list[str]:
    """It may be put off at first; what it is told then is everything."""

    def probe():
        answer = missed.ask(since, 0, 1000)
        return answer if answer.status != 503 else None

    answer = wait_for(probe, "an answer other than 503")
    assert answer.status == 200, answer
    return [content["message"] for content in json.loads(answer.body)["failedcontents"]]


@pytest.mark.parametrize("go_away, come_back", OUTAGES.values(), ids=OUTAGES.keys())
def test_while_kafka_is_away_the_answer_is_503_and_the_hub_can_stop(tmp_path, subscriber, go_away, come_back):
    broker = KafkaBroker(tmp_path / "kafka")
    broker.start()
    try:
        with Suite(broker.bootstrap, tmp_path, "missed-outage-", settings=SETTINGS) as suite:
            missed, endpoint, since = subscribed(suite.start(), subscriber)
            endpoint.on_delivery = answer(500)
            bodies = publish(missed, 5)
            assert missed.messages(since) == bodies
            go_away(broker)
            for _ in range(2):
                assert int(missed.ask(since).check_denied(503).header("Retry-After")) > 0
            come_back(broker)
            assert told_at_last(missed, since) == bodies
            # By all of the hub's readers, whatever each had been told while partitions had no leader.
            others = [MissedMessages(suite.hub(), missed.topic, endpoint, missed.secret) for _ in range(20)]
            with ThreadPoolExecutor(20) as pool:
                assert list(pool.map(lambda other: told_at_last(other, since), others)) == [bodies] * 20
                go_away(broker)
                asked = [pool.submit(other.ask, since) for other in others]
                wait_for(lambda: any(each.done() for each in asked), "one has been answered")
                suite.terminate("hub-0")
                assert {each.result().status for each in asked} <= {200, 503}
            come_back(broker)
    finally:
        broker.stop()


def test_rate_is_that_of_changes(kafka, tmp_path, subscriber):
    # 20 calls take less than 20 s on any machine.
    settings = {"WEBSUB_HUB_CHANGE_RATE_LIMIT": "1"}
    with Suite(kafka.bootstrap, tmp_path, "missed-rate-", settings=settings) as suite:
        missed = MissedMessages(suite.start().hub(), new_topic(), subscriber.endpoint(), "secret")
        answers = [missed.ask(utc_now()) for _ in range(20)]
        assert {each.status for each in answers} == {401, 429}
        assert all(int(each.header("Retry-After")) >= 1 for each in answers if each.status == 429)
