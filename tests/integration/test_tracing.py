"""A message can be followed from its publication to each attempt to deliver it (docs/tracing.md)."""

import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import planted
from harness.behaviours import answer
from harness.metrics import metric
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Span:
    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str | None
    start: int
    end: int
    attributes: dict[str, str]
    error: str | None


def value_of(attribute: dict) -> str:
    return next(iter(attribute["value"].values()))


def spans_of(request: dict) -> list[Span]:
    spans = []
    for resource in request["resourceSpans"]:
        about = {each["key"]: value_of(each) for each in resource["resource"]["attributes"]}
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                spans.append(
                    Span(
                        about["service.name"],
                        span["name"],
                        span["kind"],
                        span["traceId"],
                        span["spanId"],
                        span.get("parentSpanId"),
                        int(span["startTimeUnixNano"]),
                        int(span["endTimeUnixNano"]),
                        {each["key"]: value_of(each) for each in span["attributes"]},
                        span.get("status", {}).get("message"),
                    )
                )
    return spans


class Collector:
    """Takes OTLP/HTTP with JSON."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.status == 200:
                    collector.headers.append(dict(self.headers.items()))
                    collector.spans += spans_of(json.loads(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of_message(self, message_id: str) -> dict[str, list[Span]]:
        """By name."""
        found: dict[str, list[Span]] = {}
        for span in list(self.spans):
            if span.attributes.get("messaging.message.id") == message_id:
                found.setdefault(span.name, []).append(span)
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced_suite(kafka, collector, tmp_path_factory):
    settings = {
        "WEBSUB_TRACING_OTLP_URL": collector.url,
        "WEBSUB_TRACING_HEADERS": f"X-Token={planted.secret('collector')}",
        "WEBSUB_TRACING_SAMPLE_RATIO": "1",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("traced"), "traced-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def feed(traced_suite, subscriber):
    hub, endpoint = traced_suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "traced")
    subscribe(hub, topic, endpoint, planted.secret())
    return hub, topic, endpoint


def publish(feed, traceparent: str | None) -> str:
    hub, topic, _ = feed
    headers = {"traceparent": traceparent} if traceparent else {}
    return hub.publish(topic, planted.payload(), headers=headers).check_accepted().message_id


def test_a_message_is_followed_to_every_attempt(feed, collector):
    _, topic, endpoint = feed
    answers = iter([answer(500), answer(503)])
    endpoint.on_delivery = lambda received: next(answers, answer(200))(received)
    message = publish(feed, f"00-{TRACE}-{SPAN}-01")
    wait_for(lambda: len(collector.of_message(message).get("deliver", [])) == 3, lambda: str(collector.spans))
    found = wait_for(lambda: len(collector.of_message(message)) == 3 and collector.of_message(message), "all")
    (published,), (queued,), attempts = found["publish"], found["queue"], found["deliver"]

    assert (published.service, published.trace, published.parent) == ("websub-hub", TRACE, SPAN)
    assert published.attributes["messaging.destination.name"] == topic
    for span in (queued, *attempts):
        assert (span.service, span.trace, span.parent) == ("websub-dispatcher", TRACE, published.id)
    assert [span.attributes["http.response.status_code"] for span in attempts] == ["500", "503", "200"]
    assert [span.attributes["websub.attempt"] for span in attempts] == ["1", "2", "3"]
    assert [span.error for span in attempts] == ["status_5xx", "busy", None]
    assert len({span.id for span in (published, queued, *attempts)}) == 5
    assert all(span.start <= span.end for span in (published, queued, *attempts))
    assert queued.end <= attempts[0].end and attempts[0].end <= attempts[1].start

    # What the subscriber got is that of each attempt: its own spans hang below it.
    sent = [received.header_values("traceparent") for received in endpoint.attempts()]
    assert sent == [[f"00-{TRACE}-{span.id}-01"] for span in attempts]
    assert planted.secret("collector") in collector.headers[0].values()


def test_a_trace_begins_at_the_hub_if_the_publisher_has_none(feed, collector):
    _, _, endpoint = feed
    message = publish(feed, None)
    found = wait_for(
        lambda: len(collector.of_message(message)) == 3 and collector.of_message(message), "spans"
    )
    (published,), (attempt,) = found["publish"], found["deliver"]
    assert published.parent is None and attempt.parent == published.id
    assert re.fullmatch("[0-9a-f]{32}", published.trace) and re.fullmatch("[0-9a-f]{16}", published.id)
    assert endpoint.attempts()[-1].header("traceparent") == f"00-{attempt.trace}-{attempt.id}-01"


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-00", f"00-{'0' * 32}-{SPAN}-01"])
def test_what_is_not_sampled_is_passed_on_and_not_recorded(feed, collector, traceparent):
    _, _, endpoint = feed
    silent = publish(feed, traceparent)
    spoken = publish(feed, None)
    wait_for(lambda: len(collector.of_message(spoken)) == 3, "the spans of a later message")
    assert collector.of_message(silent) == {}
    by_id = {received.message_id: received for received in endpoint.attempts()}
    assert by_id[silent].header("traceparent") == traceparent


def test_a_collector_that_fails_costs_spans_only(feed, collector, traced_suite):
    _, _, endpoint = feed
    collector.status = 500
    try:
        lost = publish(feed, None)
        endpoint.wait_bodies([planted.payload()])
        dropped = 'websub_spans_total{outcome="dropped"}'
        wait_for(lambda: metric(traced_suite["hub-0"], dropped) > 0, "spans dropped")
        wait_for(lambda: metric(traced_suite["dispatcher-0"], dropped) > 0, "spans dropped")
    finally:
        collector.status = 200
    message = publish(feed, None)
    wait_for(lambda: len(collector.of_message(message)) == 3, "spans again")
    assert collector.of_message(lost) == {}
