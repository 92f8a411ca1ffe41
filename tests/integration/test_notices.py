"""What happens to subscriptions is told to the outside: on Kafka, and to a webhook with a signature."""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.dead_letters import letters_of
from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.metrics import metric
from harness.notices import NoticeReceiver, Notices
from harness.settle import subscribe
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

SECRET = planted.secret("webhook")  # 30 bytes
SETTINGS = {
    "WEBSUB_RETRY_GIVE_UP_AFTER": "500ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "300ms",
    # Longer than any lease here: half of the lease it is.
    "WEBSUB_NOTICES_LAPSE_WARNING": "1h",
}


@pytest.fixture(scope="module")
def receiver():
    server = NoticeReceiver(SECRET.encode())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def told(kafka, tmp_path_factory, receiver):
    # The guard of callbacks is not for the operator's own URL.
    guard = {"WEBSUB_SECURITY_DENIED_CALLBACK_PORTS": f"{receiver.port}"}
    settings = SETTINGS | receiver.settings(SECRET) | guard
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("notices"), "notices-", settings=settings) as suite:
        yield suite


@pytest.fixture
def suite(told, receiver):
    yield told.start()
    receiver.recover()
    assert not receiver.refused


@pytest.fixture
def notices(suite, kafka_view, receiver):
    """Those of a topic of its own, and the topic."""
    hub = suite.hub()
    topic = register_topic(hub, "notices")
    hub.close()
    return Notices(suite, kafka_view, topic, receiver), topic


def check(notice: dict, topic: str, endpoint: Endpoint, **more: object) -> None:
    """All its fields, but for the id and times, which are looked at apart."""
    expected = {
        "v": 1,
        "subscription": subscription_id(topic, endpoint.url),
        "topic": topic,
        "callback": endpoint.url.partition("?")[0],
    }
    rest = {name: value for name, value in notice.items() if name not in ("id", "at", "lease_end")}
    assert rest == expected | more
    assert abs(notice["at"] - time.time() * 1000) < 600_000
    assert len(notice["id"]) == 36


def fail_and_recover(
    hub: HubClient, notices: Notices, topic: str, endpoint: Endpoint, *before: str
) -> list[dict]:
    """After notices of the types `before`, one that it is suspended, and one that it has recovered."""
    endpoint.on_delivery = answer(500)
    hub.publish(topic, planted.payload()).check_accepted()
    notices.wait_written(endpoint, *before, "suspended")
    endpoint.on_delivery = answer(200)
    return notices.wait_written(endpoint, *before, "suspended", "recovered")


def test_suspended_and_recovered(suite, notices, subscriber):
    """And nothing of a callback's query, which may hold tokens, or of the message."""
    told, topic = notices
    hub, endpoint = suite.hub(), subscriber.endpoint(query=f"token={planted.secret('token')}")
    subscribe(hub, topic, endpoint, planted.secret())
    suspended, recovered = fail_and_recover(hub, told, topic, endpoint)
    check(suspended, topic, endpoint, type="subscription.suspended", reason="status_5xx")
    check(recovered, topic, endpoint, type="subscription.recovered", reason="delivered")
    assert suspended["at"] < recovered["at"] < suspended["lease_end"] == recovered["lease_end"]
    assert suspended["id"] != recovered["id"]
    assert planted.MARK not in f"{told.wait_taken(endpoint)}"


def test_recovered_before_its_suspension_is_known(suite, notices, subscriber):
    """The consolidator stands still meanwhile; and there is no other message to recover with."""
    told, topic = notices
    hub, endpoint, body = suite.hub(), subscriber.endpoint(), planted.payload()
    subscribe(hub, topic, endpoint)
    suspended = {"subscription": subscription_id(topic, endpoint.url)}
    suite["consolidator-0"].pause()
    try:
        endpoint.on_delivery = answer(500)
        hub.publish(topic, body).check_accepted()
        wait_for(
            lambda: suite["dispatcher-0"].events("subscription.suspended", **suspended), "the suspension"
        )
        endpoint.on_delivery = answer(200)
        endpoint.wait_bodies([body])
    finally:
        suite["consolidator-0"].resume()
    told.wait_written(endpoint, "suspended", "recovered")
    told.wait_taken(endpoint)


def test_renewal_ends_a_suspension(suite, notices, subscriber):
    told, topic = notices
    hub, endpoint = suite.hub(), subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(500)
    hub.publish(topic, planted.payload()).check_accepted()
    (suspended,) = told.wait_written(endpoint, "suspended")
    released = threading.Event()
    endpoint.on_delivery = hold(released, answer(200))  # it has not failed again by then
    wait_for(lambda: endpoint.attempts()[-1].status is None, "a probe without an answer")
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    _, recovered = told.wait_written(endpoint, "suspended", "recovered")
    released.set()
    check(recovered, topic, endpoint, type="subscription.recovered", reason="renewed")
    assert recovered["lease_end"] > suspended["lease_end"]
    told.wait_taken(endpoint)


def test_gone(suite, notices, subscriber):
    told, topic = notices
    hub, endpoint = suite.hub(), subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(410)
    hub.publish(topic, planted.payload()).check_accepted()
    (gone,) = told.wait_written(endpoint, "gone")
    check(gone, topic, endpoint, type="subscription.gone", reason="status_410")
    told.wait_taken(endpoint)


def test_each_lease_is_warned_of_once_and_a_renewal_arms_it_again(suite, notices, subscriber):
    """Also when the consolidator is killed in between. Half of a lease is left for what is done then."""
    told, topic = notices
    hub, endpoint = suite.hub(), subscriber.endpoint()
    subscribe(hub, topic, endpoint, lease_seconds=60)
    (first,) = told.wait_written(endpoint, "lapsing", timeout=60)
    check(first, topic, endpoint, type="subscription.lapsing")
    assert first["at"] < first["lease_end"]
    restart_consolidator(suite)
    hub.subscribe(topic, endpoint.url, lease_seconds=16).check_accepted(202)
    _, second, lapsed = told.wait_written(endpoint, "lapsing", "lapsing", "lapsed", timeout=60)
    check(second, topic, endpoint, type="subscription.lapsing")
    check(lapsed, topic, endpoint, type="subscription.lapsed")
    assert second["lease_end"] == lapsed["lease_end"] <= lapsed["at"]
    assert first["id"] != second["id"]
    told.wait_taken(endpoint)


def restart_consolidator(suite: Suite) -> None:
    """Its partitions are its again once the group has found it dead."""
    suite.kill("consolidator-0")
    suite.start("consolidator-0")


def test_each_change_is_told_of_exactly_once_while_the_consolidator_is_killed(suite, notices, subscriber):
    told, topic = notices
    hub = suite.hub()
    endpoints = [subscriber.endpoint() for _ in range(10)]
    for endpoint in endpoints:
        subscribe(hub, topic, endpoint)

    def wait_last(wanted: str, count: int) -> None:
        wait_for(
            lambda: sum(told.types(endpoint)[-1:] == [wanted] for endpoint in endpoints) >= count,
            lambda: f"{count} {wanted}: {[told.types(endpoint) for endpoint in endpoints]}",
            timeout=60,
            pause=0.05,
        )

    for status, wanted in ((500, "suspended"), (200, "recovered")):
        for endpoint in endpoints:
            endpoint.on_delivery = answer(status)
        hub.publish(topic, planted.payload()).check_accepted()
        wait_last(wanted, 1)  # in the midst of it
        restart_consolidator(suite)
        wait_last(wanted, len(endpoints))
    restart_consolidator(suite)  # what it reads again it does not tell again
    fail_and_recover(hub, told, topic, endpoints[0], "suspended", "recovered")
    for endpoint in endpoints:
        written = told.wait_taken(endpoint)
        assert told.types(endpoint) == ["suspended", "recovered"] * (2 if endpoint is endpoints[0] else 1)
        assert len({notice["id"] for notice in written}) == len(written)


# --- dead letters ---


@pytest.fixture(scope="module")
def burying(kafka, tmp_path_factory, receiver):
    settings = SETTINGS | receiver.settings(SECRET) | {"WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter"}
    directory = tmp_path_factory.mktemp("letters")
    with Suite(kafka.bootstrap, directory, "notices-letters-", settings=settings) as suite:
        yield suite


def test_dead_lettered(burying, kafka_view, receiver, subscriber):
    """With what is needed to find the message; once more with the same id when it is written once more."""
    suite, hub = burying.start(), burying.hub()
    topic, endpoint = register_topic(hub, "letters"), subscriber.endpoint()
    told = Notices(suite, kafka_view, topic, receiver)
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(422)
    message_id = hub.publish(topic, planted.payload()).check_accepted().message_id
    (notice,) = told.wait_written(endpoint, "dead_lettered")
    # Both are written at once, and neither waits for the other.
    (letter,) = wait_for(lambda: letters_of(kafka_view, suite, topic, endpoint.url), "the letter", pause=0.1)
    check(
        notice,
        topic,
        endpoint,
        type="delivery.dead_lettered",
        reason="status_4xx",
        message=message_id,
        offset=int(letter.header("origin-offset")),
    )
    told.wait_taken(endpoint)


def test_each_dead_letter_has_a_notice_however_often_the_dispatcher_is_killed(
    burying, kafka_view, receiver, subscriber
):
    suite, hub = burying.start(), burying.hub()
    topic, endpoint = register_topic(hub, "killed"), subscriber.endpoint()
    told = Notices(suite, kafka_view, topic, receiver)
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(422)
    wanted = {hub.publish(topic, planted.payload()).check_accepted().message_id for _ in range(6)}

    def messages() -> dict[str, set[str]]:
        """The ids of the notices of each."""
        found: dict[str, set[str]] = {}
        for notice in told.written(endpoint):
            found.setdefault(notice["message"], set()).add(notice["id"])
        return found

    for count in (1, 3):
        wait_for(lambda: len(messages()) >= count, lambda: f"{count} of {messages()}", pause=0.1)
        suite.kill("dispatcher-0")
        suite.start("dispatcher-0")
    wait_for(lambda: messages().keys() == wanted, lambda: f"{wanted}, not {messages()}", pause=0.1)

    def buried() -> set[str]:
        return {one.header("message-id") for one in letters_of(kafka_view, suite, topic, endpoint.url)}

    wait_for(lambda: buried() == wanted, lambda: f"letters of {wanted}, not {buried()}", pause=0.1)
    assert [len(ids) for ids in messages().values()] == [1] * len(wanted), "another id for the same"
    taken = wait_for(
        lambda: [n for n in [receiver.taken(topic, endpoint)] if len(n) == len(wanted)], "all of them taken"
    )
    assert {notice["message"] for notice in taken[0]} == wanted


# --- what is not told ---


def test_nothing_is_told_by_default(suite, shared_suite, kafka_view):
    shared_suite.start()
    assert f"{shared_suite.prefix}notices" not in kafka_view.topics(shared_suite.prefix)
    assert f"{suite.prefix}notices" in kafka_view.topics(suite.prefix)


def test_only_what_is_wanted_is_told(kafka, kafka_view, tmp_path, subscriber):
    """And without a webhook it is on Kafka, kept as long as is configured."""
    settings = SETTINGS | {
        "WEBSUB_NOTICES_ENABLED": "true",
        "WEBSUB_NOTICES_EVENTS": "recovered,gone",
        "WEBSUB_NOTICES_RETENTION": "90m",
    }
    with Suite(kafka.bootstrap, tmp_path, "notices-few-", settings=settings) as suite:
        suite.start()
        hub, endpoint = suite.hub(), subscriber.endpoint()
        topic = register_topic(hub, "few")
        told = Notices(suite, kafka_view, topic)
        subscribe(hub, topic, endpoint)
        endpoint.on_delivery = answer(500)
        hub.publish(topic, planted.payload()).check_accepted()
        wait_for(lambda: suite["dispatcher-0"].events("subscription.suspended"), "the suspension", pause=0.1)
        endpoint.on_delivery = answer(200)
        told.wait_written(endpoint, "recovered")
        endpoint.on_delivery = answer(410)
        hub.publish(topic, planted.payload()).check_accepted()
        told.wait_written(endpoint, "recovered", "gone")
        assert metric(suite["consolidator-0"], "websub_consolidator_notices_total") == 2
        assert kafka_view.setting("notices-few-notices", "cleanup.policy") == "delete"
        assert kafka_view.setting("notices-few-notices", "retention.ms") == f"{90 * 60 * 1000}"
        assert kafka_view.topics("notices-few-")["notices-few-notices"] == 8
