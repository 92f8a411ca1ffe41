"""Notices reach the webhook whatever happens to it and to the dispatchers: none is lost, and a
subscription's come in their order."""

import base64
import json
import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, hold
from harness.ids import partition_of, subscription_id
from harness.kafka import KafkaBroker
from harness.kafka_view import KafkaView
from harness.metrics import metric
from harness.notices import NoticeReceiver, Notices
from harness.program import run_to_end
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.wait import wait_for

SECRET = "whsec_" + base64.b64encode(planted.secret("webhook").encode()).decode()
PARTITIONS = 8
SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}",
    "WEBSUB_RETRY_GIVE_UP_AFTER": "300ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "200ms",
    # What a test holds back is no failure.
    "WEBSUB_NOTICES_WEBHOOK_TIMEOUT": "2m",
}


@pytest.fixture(scope="module")
def receiver():
    server = NoticeReceiver(SECRET)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pair_of_dispatchers(kafka, tmp_path_factory, receiver):
    settings = SETTINGS | receiver.settings(SECRET)
    directory = tmp_path_factory.mktemp("webhook")
    with Suite(kafka.bootstrap, directory, "webhook-", dispatchers=2, settings=settings) as suite:
        yield suite


@pytest.fixture
def suite(pair_of_dispatchers, receiver):
    yield pair_of_dispatchers.start()
    receiver.recover()


class Flapping:
    """Subscriptions that are suspended and recover whenever they are told to."""

    def __init__(
        self, suite: Suite, view: KafkaView, receiver: NoticeReceiver, subscriber: Subscriber, count: int
    ):
        self._hub = suite.hub()
        self.topic = register_topic(self._hub, "webhook")
        self._told = Notices(suite, view, self.topic, receiver)
        self.endpoints = [subscriber.endpoint() for _ in range(count)]
        self._types: list[str] = []
        for endpoint in self.endpoints:
            subscribe(self._hub, self.topic, endpoint)

    def flap(self) -> None:
        """Two notices of each are on Kafka when this returns."""
        for status, kind in ((500, "suspended"), (200, "recovered")):
            self._types.append(kind)
            for endpoint in self.endpoints:
                endpoint.on_delivery = answer(status)
            if status == 500:
                self._hub.publish(self.topic, planted.payload()).check_accepted()
            for endpoint in self.endpoints:
                self._told.wait_written(endpoint, *self._types)

    def wait_taken(self) -> None:
        for endpoint in self.endpoints:
            assert len(self._told.wait_taken(endpoint, timeout=60)) == len(self._types)


@pytest.fixture
def flapping(suite, kafka_view, receiver, subscriber):
    return Flapping(suite, kafka_view, receiver, subscriber, count=4)


def total(suite: Suite, name: str) -> float:
    return sum(metric(p, name) for p in suite.programs.values() if p.kind == "dispatcher" and p.running)


def test_webhook_that_is_in_trouble_and_then_down_gets_all_when_it_is_back(suite, flapping, receiver):
    """Deliveries go on meanwhile: that subscriptions recover says so."""
    receiver.trouble = answer(503)
    flapping.flap()
    wait_for(lambda: total(suite, "websub_dispatcher_webhook_failing_partitions"), "a notice that waits")
    receiver.trouble = drop_connection
    flapping.flap()
    receiver.stop()
    flapping.flap()
    assert total(suite, "websub_dispatcher_webhook_failed_attempts_total") > 0
    receiver.recover()
    flapping.wait_taken()
    assert not receiver.refused
    wait_for(
        lambda: total(suite, "websub_dispatcher_webhook_failing_partitions") == 0, "no notice that waits"
    )


def test_pause_that_the_webhook_asks_for_is_obeyed_within_bounds(suite, flapping, receiver):
    receiver.trouble = answer(429, headers={"Retry-After": "3600"})
    flapping.flap()

    def pauses() -> list[int]:
        logged = [suite[f"dispatcher-{i}"].events("notice.not_taken", status=429) for i in range(2)]
        return [event["retry_in_ms"] for events in logged for event in events]

    wait_for(pauses, "an attempt that is logged")
    assert set(pauses()) == {1000}
    receiver.recover()
    flapping.wait_taken()


def test_dispatchers_that_are_killed_in_the_midst_lose_nothing(suite, flapping, receiver):
    """While notices are on their way, unanswered; those of a dead one are sent by the other."""
    released = threading.Event()
    for name in ("dispatcher-0", "dispatcher-1"):
        seen = len(receiver.requests())
        released.clear()
        receiver.trouble = hold(released, answer(500))
        flapping.flap()
        wait_for(lambda: len(receiver.requests()) > seen, "a notice that is under way")
        suite.kill(name)
        receiver.trouble = None
        released.set()
        flapping.wait_taken()
        suite.start(name)
    flapping.flap()
    suite.kill("dispatcher-0", "dispatcher-1")
    suite.start()
    flapping.wait_taken()
    assert not receiver.refused


def test_dispatchers_that_are_told_to_stop_finish_what_is_under_way(suite, flapping, receiver):
    """And whoever comes next sends none of it again."""
    released = threading.Event()
    receiver.trouble = hold(released, receiver.answer)
    seen = len(receiver.requests())
    flapping.flap()
    wait_for(lambda: len(receiver.requests()) > seen, "a notice that is under way")
    stopper = threading.Thread(target=suite.terminate, args=("dispatcher-0", "dispatcher-1"))
    stopper.start()
    for name in ("dispatcher-0", "dispatcher-1"):
        wait_for(lambda: suite[name].events("dispatcher.stopping"), f"{name} stops")
    receiver.trouble = None
    released.set()
    stopper.join()
    suite.start()
    flapping.wait_taken()
    sent = [request.header("webhook-id") for request in receiver.requests()[seen:]]
    assert len(sent) == len(set(sent)), "a notice was sent twice"


def test_what_is_no_notice_is_passed_over(suite, flapping, receiver, kafka_view):
    key = subscription_id(flapping.topic, flapping.endpoints[0].url)
    partition = partition_of(key, PARTITIONS)
    before = total(suite, 'websub_dispatcher_webhook_notices_total{outcome="malformed"}')
    for value in (b"", b"{", json.dumps({"v": 1, "id": "x\r\n", "type": "a"}).encode()):
        kafka_view.produce("webhook-notices", partition, key, value)
    wait_for(
        lambda: total(suite, 'websub_dispatcher_webhook_notices_total{outcome="malformed"}') == before + 3,
        "three that are counted",
    )
    assert not any(key.encode() in request.body for request in receiver.requests())


def test_notice_that_is_never_taken_is_given_up_when_it_is_old(kafka, kafka_view, tmp_path, subscriber):
    receiver = NoticeReceiver(SECRET)
    settings = SETTINGS | receiver.settings(SECRET) | {"WEBSUB_NOTICES_GIVE_UP_AFTER": "5s"}
    with Suite(kafka.bootstrap, tmp_path, "webhook-old-", settings=settings) as suite:
        suite.start()
        receiver.trouble = answer(400)
        flapping = Flapping(suite, kafka_view, receiver, subscriber, count=1)
        flapping.flap()
        wait_for(
            lambda: total(suite, 'websub_dispatcher_webhook_notices_total{outcome="given_up"}') == 2,
            "both given up",
        )
        given_up = suite["dispatcher-0"].events("notice.given_up")
        assert [event["type"] for event in given_up] == ["subscription.suspended", "subscription.recovered"]
        receiver.recover()
        # The next ones are sent, and those not again.
        later = Flapping(suite, kafka_view, receiver, subscriber, count=1)
        later.flap()
        later.wait_taken()
        assert receiver.taken(flapping.topic, flapping.endpoints[0]) == []
    receiver.stop()


def test_long_backlog_is_sent_in_order_and_only_once(suite, kafka_view, receiver):
    """Longer than what a dispatcher holds of one partition."""
    count, at, topic, callback = 150, int(time.time() * 1000), new_topic("long"), "https://bank.example/"
    key = subscription_id(topic, callback)
    common = {"v": 1, "type": "subscription.recovered", "at": at, "subscription": key, "topic": topic}
    receiver.trouble = answer(500)
    for number in range(count):
        notice = common | {"id": f"00000000-0000-8000-8000-{number:012}", "callback": callback}
        value = json.dumps(notice).encode()
        kafka_view.produce("webhook-notices", partition_of(key, PARTITIONS), key, value)
    wait_for(lambda: receiver.requests_about(key), "the first one")
    receiver.recover()
    endpoint = Endpoint(callback)
    wait_for(lambda: len(receiver.taken(topic, endpoint)) == count, "all of them")
    assert [int(notice["id"][-12:]) for notice in receiver.taken(topic, endpoint)] == list(range(count))
    assert len([r for r in receiver.requests_about(key) if r.succeeded]) == count


def test_dispatcher_stops_in_bounded_time_while_kafka_is_away(tmp_path, subscriber):
    broker, receiver = KafkaBroker(tmp_path / "kafka"), NoticeReceiver(SECRET)
    broker.start()
    view = KafkaView(broker.client)
    grace = {"WEBSUB_DISPATCHER_SHUTDOWN_GRACE": "2s"}
    try:
        settings = SETTINGS | receiver.settings(SECRET) | grace
        with Suite(broker.bootstrap, tmp_path, "webhook-away-", settings=settings) as suite:
            flapping = Flapping(suite.start(), view, receiver, subscriber, count=2)
            flapping.flap()
            flapping.wait_taken()
            broker.pause()
            suite["dispatcher-0"].terminate(timeout=20)
            broker.resume()
            suite.start()
            flapping.flap()
            flapping.wait_taken()
    finally:
        view.close()
        broker.stop()
        receiver.stop()


# --- configuration ---

BAD = {
    "no secret": ({"URL": "https://ops.example/"}, "notices.webhook_url needs notices.webhook_secret"),
    "short": (
        {"URL": "https://ops.example/", "SECRET": planted.MARK[:8]},
        "notices.webhook_secret: a secret has at least 24 bytes",
    ),
    "no base64": (
        {"URL": "https://ops.example/", "SECRET": f"whsec_{planted.secret()}"},
        'notices.webhook_secret: after "whsec_" base64 must follow',
    ),
}


@pytest.mark.parametrize("given, said", BAD.values(), ids=BAD.keys())
def test_webhook_that_cannot_be_used_is_an_error_that_shows_no_secret(given, said):
    settings = {f"WEBSUB_NOTICES_WEBHOOK_{name}": value for name, value in given.items()}
    settings |= {"WEBSUB_AUTH_MODE": "none", "WEBSUB_NOTICES_ENABLED": "true"}
    done = run_to_end("dispatcher", "--check-config", settings=settings)
    assert done.returncode == 2
    assert said in done.stderr
    assert planted.MARK[:8] not in done.stdout + done.stderr


@pytest.mark.parametrize("action", ["--print-config", "--check-config"])
def test_configuration_is_shown_without_the_secret(tmp_path, action):
    (tmp_path / "secret").write_text(planted.secret() + "\n")
    settings = {
        "WEBSUB_AUTH_MODE": "none",
        "WEBSUB_NOTICES_ENABLED": "true",
        "WEBSUB_NOTICES_WEBHOOK_URL": "https://ops.example/hooks?key=1",
        "WEBSUB_NOTICES_WEBHOOK_SECRET": f"file:{tmp_path / 'secret'}",
    }
    done = run_to_end("dispatcher", action, settings=settings)
    assert done.returncode == 0, done.stderr
    assert planted.MARK not in done.stdout + done.stderr
