"""What operators see of failures: the attempts topic, the log and the metrics name the same reasons."""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, first, hold, no_http
from harness.ids import subscription_id
from harness.metrics import metric
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

PREFIX = "attempts-"
ATTEMPTS = f"{PREFIX}attempts"
MIN_INTERVAL_MS = 100
MAX_INTERVAL_MS = 400
DELIVERY_TIMEOUT_MS = 5000  # whoever answers has answered by then, however busy the machine is


@pytest.fixture(scope="module")
def watched(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_DISPATCHER_DELIVERY_TIMEOUT": f"{DELIVERY_TIMEOUT_MS}ms",
        "WEBSUB_DISPATCHER_VERIFICATION_ATTEMPTS": "2",
        "WEBSUB_RETRY_MIN_INTERVAL": f"{MIN_INTERVAL_MS}ms",
        "WEBSUB_RETRY_MAX_INTERVAL": f"{MAX_INTERVAL_MS}ms",
        "WEBSUB_RETRY_GIVE_UP_AFTER": "2s",
    }
    directory = tmp_path_factory.mktemp("attempts")
    with Suite(kafka.bootstrap, directory, PREFIX, settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def watched_hub(watched):
    return watched.hub()


@pytest.fixture
def recorded(kafka_view):
    """Records of a subscription, in the order in which they were written, once there are so many."""

    def wait_recorded(topic: str, callback: str, kind: str, count: int = 1) -> list[dict]:
        key = subscription_id(topic, callback)

        def probe() -> list[dict]:
            records = [record.json for record in kafka_view.records(ATTEMPTS, key)]
            return [record for record in records if record["type"] == kind]

        wait_for(lambda: len(probe()) >= count, lambda: f"{count} records of {kind}: {probe()}", pause=0.2)
        return probe()

    return wait_recorded


def failures_counted(watched: Suite, reason: str) -> float:
    return metric(watched["dispatcher-0"], f'websub_dispatcher_failed_attempts_total{{reason="{reason}"}}')


def pause_bounds_ms(failures: int) -> tuple[float, float]:
    pause = min(MIN_INTERVAL_MS * 2 ** (failures - 1), MAX_INTERVAL_MS)
    return pause / 2, pause


ANSWERS = {
    "status_3xx": [301, 302, 307, 308],
    "status_4xx": [400, 404, 408],
    "busy": [429, 503],
    "status_5xx": [500, 502],
}


@pytest.mark.parametrize(
    "reason, status", [(reason, status) for reason, statuses in ANSWERS.items() for status in statuses]
)
def test_answer_that_is_no_success_is_on_record(watched, watched_hub, recorded, subscriber, reason, status):
    topic, endpoint = register_topic(watched_hub, "answer"), subscriber.endpoint()
    elsewhere = subscriber.endpoint("elsewhere")
    subscribe(watched_hub, topic, endpoint)
    counted = failures_counted(watched, reason)
    endpoint.on_delivery = answer(status, b"no: \xc3\xbcber quota", {"Location": elsewhere.url})
    published = watched_hub.publish(topic, planted.payload()).check_accepted()
    records = recorded(topic, endpoint.url, "delivery.failed", 3)
    check_failures(records, endpoint, topic, reason, published.message_id)
    for record in records:
        assert record["status"] == status
        assert record["excerpt"] == "no: über quota"
        assert 0 < record["duration_us"] < DELIVERY_TIMEOUT_MS * 1000
    check_log(watched, topic, endpoint, reason, status=status)
    assert failures_counted(watched, reason) >= counted + 3
    assert elsewhere.requests() == [], "a redirect was followed"


@pytest.mark.parametrize(
    "behaviour",
    [drop_connection, no_http(b"this is no HTTP\r\n\r\n"), no_http(b"HTTP/1.1 200")],
    ids=["closed", "not HTTP", "cut off"],
)
def test_connection_without_a_proper_answer_is_on_record(
    watched, watched_hub, recorded, subscriber, behaviour
):
    topic, endpoint = register_topic(watched_hub, "broken"), subscriber.endpoint()
    subscribe(watched_hub, topic, endpoint)
    counted = failures_counted(watched, "broken_connection")
    endpoint.on_delivery = behaviour
    published = watched_hub.publish(topic, planted.payload()).check_accepted()
    records = recorded(topic, endpoint.url, "delivery.failed", 3)
    check_failures(records, endpoint, topic, "broken_connection", published.message_id)
    assert all("status" not in record for record in records), records
    check_log(watched, topic, endpoint, "broken_connection")
    assert failures_counted(watched, "broken_connection") >= counted + 3
    assert endpoint.deliveries() == []


def test_refused_connection_is_on_record(watched, watched_hub, recorded):
    topic, machine = register_topic(watched_hub, "refused"), Subscriber()
    try:
        endpoint = machine.endpoint()
        subscribe(watched_hub, topic, endpoint)
        counted = failures_counted(watched, "refused")
        machine.stop()
        published = watched_hub.publish(topic, planted.payload()).check_accepted()
        records = recorded(topic, endpoint.url, "delivery.failed", 3)
        # A connection that was kept alive and is found closed may come first.
        refused = [record for record in records if record["reason"] == "refused"]
        assert len(records) - len(refused) <= 1, records
        check_failures(refused, endpoint, topic, "refused", published.message_id)
        assert all("status" not in record and "excerpt" not in record for record in records), records
        check_log(watched, topic, endpoint, "refused")
        assert failures_counted(watched, "refused") >= counted + len(refused)
        machine.start()
        endpoint.wait_bodies([planted.payload()])
    finally:
        machine.stop()


def test_subscriber_that_does_not_answer_in_time_is_on_record(watched, watched_hub, recorded, subscriber):
    """dispatcher.delivery_timeout"""
    topic, endpoint, release = (
        register_topic(watched_hub, "hanging"),
        subscriber.endpoint(),
        threading.Event(),
    )
    subscribe(watched_hub, topic, endpoint)
    counted = failures_counted(watched, "timeout")
    endpoint.on_delivery = hold(release, then=answer(500))
    published = watched_hub.publish(topic, planted.payload()).check_accepted()
    records = recorded(topic, endpoint.url, "delivery.failed", 2)
    check_failures(records, endpoint, topic, "timeout", published.message_id)
    for record in records:
        assert record["duration_us"] >= DELIVERY_TIMEOUT_MS * 1000 * 0.95
        assert "status" not in record
    check_log(watched, topic, endpoint, "timeout")
    assert failures_counted(watched, "timeout") >= counted + 2
    release.set()


def check_failures(records: list[dict], endpoint: Endpoint, topic: str, reason: str, message_id: str) -> None:
    """What each failure of one message tells; the numbers grow one by one."""
    now_ms = time.time() * 1000
    first_failures = records[0]["failures"]
    assert first_failures <= 2
    for index, record in enumerate(records):
        least, most = pause_bounds_ms(record["failures"])
        assert record["v"] == 1
        assert record["reason"] == reason
        assert (record["topic"], record["callback"]) == (topic, endpoint.url)
        assert record["message"] == message_id
        assert record["offset"] == records[0]["offset"] >= 0
        assert record["failures"] == first_failures + index
        assert least - 1 <= record["retry_in_ms"] <= most
        assert record["duration_us"] > 0
        assert now_ms - 60_000 < record["at"] <= now_ms + 1000
    assert [record["at"] for record in records] == sorted(record["at"] for record in records)


def check_log(watched: Suite, topic: str, endpoint: Endpoint, reason: str, **fields: object) -> None:
    """The same in the log, which leaves some out when there are many."""
    wanted = {"subscription": subscription_id(topic, endpoint.url), "reason": reason} | fields
    logged = wait_for(
        lambda: watched["dispatcher-0"].events("delivery.failed", **wanted), f"{wanted} in the log", pause=0.2
    )
    assert all(event["topic"] == topic and event["retry_in_ms"] > 0 for event in logged)


def test_excerpt_is_short_and_proper_json_whatever_the_subscriber_answers(
    watched, watched_hub, recorded, subscriber
):
    topic, endpoint = register_topic(watched_hub, "excerpt"), subscriber.endpoint()
    subscribe(watched_hub, topic, endpoint)
    endpoint.on_delivery = answer(500, b'"\\\xff\xfe\r\n\x1b[31m' + "ü".encode() * 100_000)
    watched_hub.publish(topic, planted.payload()).check_accepted()
    record = recorded(topic, endpoint.url, "delivery.failed")[0]
    assert record["excerpt"].startswith('"\\')
    assert "üü" in record["excerpt"]
    assert len(record["excerpt"].encode()) < 2048


@pytest.mark.parametrize("status", [404, 503])
def test_failed_verification_is_on_record(watched_hub, recorded, subscriber, status):
    topic, endpoint = register_topic(watched_hub, "unverified"), subscriber.endpoint()
    endpoint.on_verification = answer(status, b"not mine")
    watched_hub.subscribe(topic, endpoint.url, planted.secret()).check_accepted(202)
    record = recorded(topic, endpoint.url, "verification.failed")[0]
    assert record["reason"] == ("busy" if status == 503 else "status_4xx")
    assert record["status"] == status
    assert record["excerpt"] == "not mine"
    assert record["failures"] == 1
    assert "message" not in record


def test_verification_with_a_wrong_answer_is_on_record(watched_hub, recorded, subscriber):
    topic, endpoint = register_topic(watched_hub, "unverified"), subscriber.endpoint()
    endpoint.on_verification = answer(200, b"yes, please")
    watched_hub.subscribe(topic, endpoint.url).check_accepted(202)
    record = recorded(topic, endpoint.url, "verification.failed")[0]
    assert record["status"] == 200
    assert "challenge" in record["reason"]


def test_callback_host_that_does_not_resolve_is_on_record(watched, watched_hub, recorded):
    topic, callback = register_topic(watched_hub, "unresolved"), "http://no-such-host.invalid/callback"
    watched_hub.subscribe(topic, callback).check_accepted(202)
    records = recorded(topic, callback, "verification.failed", 2)
    assert [record["reason"] for record in records] == ["dns", "dns"]
    assert [record["failures"] for record in records] == [1, 2]


def test_changes_of_a_subscriptions_condition_are_on_record(watched_hub, recorded, subscriber):
    """Suspended, recovered, gone: in this order, each once."""
    topic, endpoint = register_topic(watched_hub, "changes"), subscriber.endpoint()
    subscribe(watched_hub, topic, endpoint)
    endpoint.on_delivery = answer(502)
    watched_hub.publish(topic, planted.payload("1")).check_accepted()
    suspended = recorded(topic, endpoint.url, "delivery.suspended")[0]
    assert suspended["reason"] == "status_5xx"
    assert suspended["failures"] >= 2
    endpoint.on_delivery = answer(200)
    recovered = recorded(topic, endpoint.url, "delivery.recovered")
    assert len(recovered) == 1 and recovered[0]["failures"] >= suspended["failures"]
    endpoint.on_delivery = answer(410)
    watched_hub.publish(topic, planted.payload("2")).check_accepted()
    gone = recorded(topic, endpoint.url, "delivery.gone")
    assert len(gone) == 1
    assert gone[0]["reason"] == "status_410"
    assert len(recorded(topic, endpoint.url, "delivery.suspended")) == 1
    assert suspended["at"] <= recovered[0]["at"] <= gone[0]["at"]


def test_nothing_of_ours_is_on_record(watched_hub, recorded, kafka_view, subscriber):
    """P7: neither secrets nor payloads nor challenges; only what the subscriber itself answered."""
    topic, endpoint = register_topic(watched_hub, "secret"), subscriber.endpoint()
    endpoint.on_verification = first(1, answer(500), then=endpoint.on_verification)
    subscribe(watched_hub, topic, endpoint, planted.secret())
    endpoint.on_delivery = answer(500, b"no")
    watched_hub.publish(topic, planted.payload()).check_accepted()
    recorded(topic, endpoint.url, "delivery.failed", 2)
    recorded(topic, endpoint.url, "delivery.suspended")
    challenges = [request.parameter("hub.challenge").encode() for request in endpoint.verifications()]
    everything = kafka_view.records(ATTEMPTS)
    assert len(everything) > 3
    for record in everything:
        assert planted.MARK.encode() not in record.value, record
        assert not any(challenge in record.value for challenge in challenges), record
