"""A message can be followed from its publication to each attempt to deliver it (docs/tracing.md)."""

import re
import secrets
import threading

import pytest

from harness import planted
from harness.behaviours import answer, first, hold
from harness.collector import Collector
from harness.hub_client import send_raw
from harness.kafka import KafkaBroker
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.wait import wait_for

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STATE = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
MESSAGE = {"publish", "queue", "deliver"}  # its spans


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


def settings_for(collector: Collector) -> dict[str, str]:
    return {
        "WEBSUB_TRACING_OTLP_URL": collector.url,
        "WEBSUB_TRACING_SAMPLE_RATIO": "1",
        "WEBSUB_FETCH_MIN_INTERVAL": "200ms",
    }


@pytest.fixture(scope="module")
def suite(kafka, collector, tmp_path_factory):
    directory = tmp_path_factory.mktemp("traced")
    with Suite(kafka.bootstrap, directory, "traced-", settings=settings_for(collector)) as suite:
        yield suite.start()


@pytest.fixture
def feed(hub, subscriber):
    topic, endpoint = register_topic(hub, "traced"), subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret())
    return hub, topic, endpoint


@pytest.fixture
def trace() -> str:
    """A trace of the test's own."""
    return secrets.token_hex(16)


def headers_of(traceparent: str | None, tracestate: str | None = None) -> dict[str, str]:
    found = {"traceparent": traceparent, "tracestate": tracestate}
    return {name: value for name, value in found.items() if value is not None}


def publish(feed, traceparent: str | None, tracestate: str | None = None) -> str:
    hub, topic, _ = feed
    sent = hub.publish(topic, planted.payload(), headers=headers_of(traceparent, tracestate))
    return sent.check_accepted().message_id


def ping(hub, traceparent: str | None, *topics: str, tracestate: str | None = None) -> None:
    hub.headers = headers_of(traceparent, tracestate)
    assert hub.ping(*topics).status == 204
    hub.headers = {}


def wait_message(collector: Collector, message: str) -> dict[str, list]:
    return wait_for(
        lambda: (found := collector.of_message(message)).keys() >= MESSAGE and found,
        lambda: f"the spans of {message}: {collector.of_message(message)}",
    )


def delivery_of(endpoint, message: str):
    return next(received for received in endpoint.attempts() if received.message_id == message)


# --- publications with content ---


def test_a_message_is_followed_to_every_attempt(feed, collector):
    _, topic, endpoint = feed
    answers = iter([answer(500), answer(503)])
    endpoint.on_delivery = lambda received: next(answers, answer(200))(received)
    message = publish(feed, f"00-{TRACE}-{SPAN}-01", STATE)
    wait_for(lambda: len(collector.of_message(message).get("deliver", [])) == 3, "three attempts")
    found = wait_message(collector, message)
    (published,), (queued,), attempts = found["publish"], found["queue"], found["deliver"]

    assert (published.service, published.trace, published.parent) == ("websub-hub", TRACE, SPAN)
    for span in (queued, *attempts):
        assert (span.service, span.trace, span.parent) == ("websub-dispatcher", TRACE, published.id)
    for span in (published, queued, *attempts):
        assert span.attributes["messaging.destination.name"] == topic
        assert span.start <= span.end and span.state == STATE and span.is_parent_remote
    assert (published.kind, queued.kind, attempts[0].kind) == ("producer", "internal", "client")
    assert [span.attributes["http.response.status_code"] for span in attempts] == [500, 503, 200]
    assert [span.attributes["websub.attempt"] for span in attempts] == [1, 2, 3]
    assert [span.error for span in attempts] == ["status_5xx", "busy", None]
    assert [span.attributes.get("error.type") for span in attempts] == ["status_5xx", "busy", None]
    assert [span.failed for span in (published, queued, *attempts)] == [False, False, True, True, False]
    assert len({span.id for span in (published, queued, *attempts)}) == 5
    assert queued.end <= attempts[0].end and attempts[0].end <= attempts[1].start

    # What the subscriber got is that of each attempt: its own spans hang below it.
    for received, span in zip(endpoint.attempts(), attempts, strict=True):
        assert received.header_values("traceparent") == [f"00-{TRACE}-{span.id}-01"]
        assert received.header_values("tracestate") == [STATE]


def test_spans_say_what_they_are_about_by_the_semantic_conventions(feed, collector):
    _, topic, _ = feed
    found = wait_message(collector, publish(feed, None))
    (published,), (attempt,) = found["publish"], found["deliver"]
    common = {
        "messaging.system": "websub",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.message.id": published.attributes["messaging.message.id"],
        "http.response.status_code": 200,
    }
    size = len(planted.payload())
    assert published.attributes == common | {
        "messaging.operation.name": "publish",
        "messaging.message.body.size": size,
    }
    subscription = attempt.attributes["messaging.destination.subscription.name"]
    assert re.fullmatch("[0-9a-f]{32}", subscription)
    assert attempt.attributes == common | {
        "messaging.operation.name": "deliver",
        "messaging.destination.subscription.name": subscription,
        "websub.attempt": 1,
    }


def test_a_trace_begins_at_the_hub_if_the_publisher_has_none(feed, collector):
    _, _, endpoint = feed
    message = publish(feed, None, STATE)  # the state of no trace
    found = wait_message(collector, message)
    (published,), (attempt,) = found["publish"], found["deliver"]
    assert published.parent is None and not published.is_parent_remote and attempt.parent == published.id
    delivered = delivery_of(endpoint, message)
    assert delivered.header("traceparent") == f"00-{attempt.trace}-{attempt.id}-01"
    assert delivered.header("tracestate") is None and published.state == ""


def test_what_is_not_sampled_is_passed_on_and_not_recorded(feed, collector, trace):
    _, _, endpoint = feed
    traceparent = f"00-{trace}-{SPAN}-00"
    silent = publish(feed, traceparent, STATE)
    wait_message(collector, publish(feed, None))
    assert collector.of_message(silent) == {} and collector.of_trace(trace) == []
    delivered = delivery_of(endpoint, silent)
    assert (delivered.header("traceparent"), delivered.header("tracestate")) == (traceparent, STATE)


@pytest.mark.parametrize(
    "broken",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        "",
    ],
)
def test_a_broken_traceparent_is_as_good_as_none(feed, collector, broken):
    """Trace Context, section 4.3: another trace begins, without the state of the one that cannot be read."""
    _, _, endpoint = feed
    message = publish(feed, broken, STATE)
    found = wait_message(collector, message)
    (published,) = found["publish"]
    assert published.parent is None and published.trace != TRACE
    assert delivery_of(endpoint, message).header("traceparent").split("-")[1] == published.trace
    assert delivery_of(endpoint, message).header("tracestate") is None


def test_of_a_later_version_what_we_know_of_it_counts(feed, collector, trace):
    _, _, endpoint = feed
    message = publish(feed, f"cc-{trace}-{SPAN}-01-more")
    (attempt,) = wait_message(collector, message)["deliver"]
    assert attempt.trace == trace
    assert delivery_of(endpoint, message).header("traceparent") == f"00-{trace}-{attempt.id}-01"


@pytest.mark.parametrize(
    "lines, passed_on",
    [
        (["a=1", "b=2 , c=3"], "a=1,b=2 , c=3"),
        (["a=" + "1" * 510], "a=" + "1" * 510),
        (["a=" + "1" * 511], None),
        (["a=\xe9"], None),
    ],
    ids=["several", "long", "too long", "not ASCII"],
)
def test_tracestate_is_passed_on_as_one_line(suite, feed, collector, trace, lines, passed_on):
    _, topic, endpoint = feed
    head = [f"traceparent: 00-{trace}-{SPAN}-01", *(f"tracestate: {line}" for line in lines)]
    sent = (
        f"POST /hub?hub.mode=publish&hub.topic={topic} HTTP/1.1\r\nHost: hub\r\nContent-Type: text/plain\r\n"
    )
    sent += "".join(f"{line}\r\n" for line in head) + "Content-Length: 1\r\n\r\nx"
    message = send_raw(suite["hub-0"].port, sent.encode("latin-1")).check_accepted().message_id
    (attempt,) = wait_message(collector, message)["deliver"]
    assert attempt.trace == trace and attempt.state == (passed_on or "")
    assert delivery_of(endpoint, message).header("tracestate") == passed_on


# --- publications that fail ---


def test_a_refused_publication_leaves_a_span(hub, collector, trace):
    topic = new_topic("unknown")
    answered = hub.publish(topic, b"x", headers=headers_of(f"00-{trace}-{SPAN}-01"))
    reason = answered.check_denied(404).reason
    (span,) = collector.wait_trace(trace, 1)
    assert (span.name, span.parent, span.failed, span.error) == ("publish", SPAN, True, reason)
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["error.type"] == "404"
    assert span.attributes["messaging.destination.name"] == topic
    assert "messaging.message.id" not in span.attributes


def test_a_refused_ping_leaves_a_span(suite, collector, trace):
    hub = suite.hub(headers=headers_of(f"00-{trace}-{SPAN}-01"))
    hub.ping(new_topic("unknown"), new_topic("unknown")).check_denied(404)
    (span,) = collector.wait_trace(trace, 1)
    assert (span.name, span.failed, span.attributes["error.type"]) == ("ping", True, "404")
    assert span.attributes["messaging.batch.message_count"] == 2


def test_other_requests_are_not_traced(suite, feed, collector, trace):
    hub = suite.hub(headers=headers_of(f"00-{trace}-{SPAN}-01"))
    hub.register(new_topic("traced")).check_accepted()
    hub.subscribe(new_topic("unknown"), "http://127.0.0.1:9/").check_denied(404)
    wait_message(collector, publish(feed, None))
    assert collector.of_trace(trace) == []


def test_a_publication_that_kafka_does_not_take_leaves_a_span(collector, trace, tmp_path_factory):
    kafka = KafkaBroker(tmp_path_factory.mktemp("traced-kafka"))
    directory = tmp_path_factory.mktemp("traced-outage")
    try:
        kafka.start()
        with Suite(kafka.bootstrap, directory, "traced-outage-", settings=settings_for(collector)) as suite:
            hub = suite.start("hub-0", "consolidator-0").hub()
            topic = register_topic(hub, "traced")
            hub.publish(topic, b"x").check_accepted()
            kafka.kill()
            hub.publish(topic, b"x", headers=headers_of(f"00-{trace}-{SPAN}-01")).check_denied(503)
            (span,) = collector.wait_trace(trace, 1)
            kafka.start()
    finally:
        kafka.stop()
    assert (span.name, span.failed, span.attributes["error.type"]) == ("publish", True, "503")
    assert span.attributes["http.response.status_code"] == 503 and span.error
    assert span.attributes["messaging.message.id"]  # whether Kafka has it is not known


# --- light pings ---


def test_a_ping_is_followed_to_the_fetch_and_every_attempt(hub, page, endpoint, collector, trace):
    page.change(planted.payload("second"))
    endpoint.on_delivery = first(1, answer(500), answer(200))
    ping(hub, f"00-{trace}-{SPAN}-01", page.url, tracestate=STATE)
    spans = collector.wait_trace(trace, 5)
    by_name = {span.name: span for span in spans}
    pinged, fetched, queued = by_name["ping"], by_name["fetch"], by_name["queue"]
    attempts = [span for span in spans if span.name == "deliver"]

    assert (pinged.service, pinged.parent, pinged.kind) == ("websub-hub", SPAN, "producer")
    assert (fetched.service, fetched.parent, fetched.kind) == ("websub-dispatcher", pinged.id, "client")
    assert {span.parent for span in (queued, *attempts)} == {fetched.id}
    assert all(span.state == STATE for span in spans)
    assert pinged.attributes["messaging.destination.name"] == page.url
    assert (pinged.attributes["http.response.status_code"], pinged.failed) == (204, False)
    assert fetched.attributes == {
        "messaging.system": "websub",
        "messaging.operation.name": "fetch",
        "messaging.operation.type": "send",
        "messaging.destination.name": page.url,
        "messaging.message.id": attempts[0].attributes["messaging.message.id"],
        "http.response.status_code": 200,
        "websub.outcome": "distributed",
    }
    for received, span in ((page.fetches()[-1], fetched), *zip(endpoint.attempts(), attempts, strict=True)):
        assert received.header("traceparent") == f"00-{trace}-{span.id}-01"
        assert received.header("tracestate") == STATE


def test_each_attempt_to_fetch_has_a_span(hub, page, endpoint, collector, trace):
    page.change(planted.payload("second"))
    page.behave(first(1, answer(503), page.answer))
    ping(hub, f"00-{trace}-{SPAN}-01", page.url)
    failed, fetched = collector.wait_trace(trace, 2, "fetch")
    assert (failed.failed, failed.error, failed.attributes["websub.outcome"]) == (True, "busy", "failed")
    assert failed.attributes["http.response.status_code"] == 503
    assert (fetched.failed, fetched.attributes["websub.outcome"]) == (False, "distributed")
    (attempt,) = collector.wait_trace(trace, 1, "deliver")
    assert attempt.parent == fetched.id


def test_a_fetch_that_finds_nothing_new_or_is_given_up_has_a_span(hub, page, collector):
    page.change(planted.payload("second"))
    for behaviour, outcome in (
        (page.answer, "distributed"),
        (page.answer, "unchanged"),
        (answer(404), "given_up"),
    ):
        trace = secrets.token_hex(16)
        page.behave(behaviour)
        ping(hub, f"00-{trace}-{SPAN}-01", page.url)
        (span,) = collector.wait_trace(trace, 1, "fetch")
        assert (span.attributes["websub.outcome"], span.failed) == (outcome, outcome == "given_up")


def test_pings_that_come_together_share_the_fetch_of_the_first(hub, page, endpoint, collector):
    """The trace of a ping that asked for no fetch of its own ends at the hub."""
    release = threading.Event()
    traces = [secrets.token_hex(16) for _ in range(3)]
    page.change(planted.payload("second"))
    page.behave(first(1, hold(release, page.answer), page.answer))
    before = len(page.fetches())
    ping(hub, f"00-{traces[0]}-{SPAN}-01", page.url)
    wait_for(lambda: len(page.fetches()) == before + 1, "a fetch")
    for trace in traces[1:]:
        ping(hub, f"00-{trace}-{SPAN}-01", page.url)
    release.set()
    (first_fetch,) = collector.wait_trace(traces[0], 1, "fetch")
    (second_fetch,) = collector.wait_trace(traces[1], 1, "fetch")
    collector.wait_trace(traces[2], 1)  # the ping
    assert first_fetch.attributes["websub.outcome"] == "distributed"
    assert second_fetch.attributes["websub.outcome"] == "unchanged"
    (attempt,) = collector.wait_trace(traces[0], 1, "deliver")
    assert attempt.parent == first_fetch.id
    assert [span.name for span in collector.of_trace(traces[2])] == ["ping"]


def test_a_ping_of_a_topic_that_is_only_a_name_is_followed_too(hub, subscriber, collector, trace):
    """There is nothing to fetch: the deliveries hang below the ping."""
    endpoint, topic = subscriber.endpoint(), f"partner/{trace}"
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    ping(hub, f"00-{trace}-{SPAN}-01", topic)
    by_name = {span.name: span for span in collector.wait_trace(trace, 3)}
    assert by_name.keys() == {"ping", "queue", "deliver"}
    assert by_name["deliver"].parent == by_name["ping"].id


def test_a_ping_that_is_not_sampled_is_passed_on(hub, page, endpoint, collector, trace):
    page.change(planted.payload("second"))
    ping(hub, f"00-{trace}-{SPAN}-00", page.url, tracestate=STATE)
    endpoint.wait_bodies([page.body])
    (delivered,) = endpoint.deliveries()
    assert delivered.header("traceparent") == f"00-{trace}-{SPAN}-00"
    assert delivered.header("tracestate") == STATE
    other = secrets.token_hex(16)
    ping(hub, f"00-{other}-{SPAN}-01", page.url)
    collector.wait_trace(other, 1, "fetch")
    assert collector.of_trace(trace) == []
