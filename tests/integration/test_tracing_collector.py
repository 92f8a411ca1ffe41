"""How spans get to the collector: OTLP/HTTP, whatever state the collector is in.

That what comes is OTLP's JSON is checked wherever it is read (harness/collector.py)."""

import re

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, first
from harness.collector import TAKEN, Collector
from harness.metrics import metric
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def collected_suite(kafka, collector, tmp_path_factory):
    settings = {
        "WEBSUB_TRACING_OTLP_URL": collector.url,
        "WEBSUB_TRACING_HEADERS": f"X-Token={planted.secret('collector')}",
    }
    directory = tmp_path_factory.mktemp("collected")
    with Suite(kafka.bootstrap, directory, "collected-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def program(collected_suite, collector):
    """The hub: each of its publications makes one span."""
    yield collected_suite["hub-0"]
    collector.behaviour = TAKEN


@pytest.fixture
def publish(collected_suite, program):
    topic = register_topic(collected_suite.hub(), "collected")
    return lambda: collected_suite.hub().publish(topic, planted.payload()).check_accepted().message_id


def dropped(program) -> float:
    return metric(program, 'websub_spans_total{outcome="dropped"}')


def sent(program) -> float:
    return metric(program, 'websub_spans_total{outcome="sent"}')


def wait_collected(collector: Collector, message: str) -> None:
    wait_for(lambda: collector.of_message(message), f"the span of {message}")


def requests_with(collector: Collector, message: str) -> list:
    """All requests that had the span, taken or not."""
    return [
        request
        for request in collector.requests()
        if any(span.attributes.get("messaging.message.id") == message for span in collector.spans_in(request))
    ]


def test_a_request_is_one_of_otlp_and_says_who_sends_it(collector, program, publish):
    message = publish()
    wait_collected(collector, message)
    (request,) = requests_with(collector, message)
    assert request.method == "POST"
    assert request.header_values("Content-Type") == ["application/json"]
    assert re.fullmatch(r"OTLP-Exporter-C/\S+ websub-hub", request.header("User-Agent"))
    assert request.header("X-Token") == planted.secret("collector")
    (resource,) = {tuple(sorted(span.resource.items())) for span in collector.spans_in(request)}
    assert dict(resource).keys() == {"service.name", "service.version", "service.instance.id", "host.name"}
    assert dict(resource)["service.name"] == "websub-hub"


def test_each_process_is_an_instance(collector, collected_suite, publish):
    before = publish()
    wait_collected(collector, before)
    collected_suite.terminate("hub-0")
    collected_suite.start("hub-0")
    after = publish()
    wait_collected(collector, after)
    instances = [
        collector.of_message(message)["publish"][0].resource["service.instance.id"]
        for message in (before, after)
    ]
    assert len(set(instances)) == 2
    assert all(re.fullmatch("[0-9a-f-]{36}", instance) for instance in instances)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_has_no_time_is_asked_again(collector, program, publish, status):
    lost = dropped(program)
    collector.behaviour = first(1, answer(status), TAKEN)
    message = publish()
    wait_collected(collector, message)
    requests = requests_with(collector, message)
    assert [request.status for request in requests] == [status, 200]
    assert requests[0].body == requests[1].body
    assert dropped(program) == lost


def test_as_late_as_it_says(collector, program, publish):
    collector.behaviour = first(1, answer(503, headers={"Retry-After": "3"}), TAKEN)
    message = publish()
    wait_collected(collector, message)
    refused, taken = requests_with(collector, message)
    assert taken.at - refused.at >= 3


def test_what_comes_meanwhile_waits(collector, program, publish):
    lost = dropped(program)
    collector.behaviour = first(2, answer(503), TAKEN)
    messages = [publish()]
    wait_for(lambda: requests_with(collector, messages[0]), "a try")
    messages += [publish() for _ in range(20)]
    for message in messages:
        wait_collected(collector, message)
    assert dropped(program) == lost


def test_a_collector_that_breaks_off_is_asked_again(collector, program, publish):
    lost = dropped(program)
    collector.behaviour = first(2, drop_connection, TAKEN)
    message = publish()
    wait_collected(collector, message)
    assert len(requests_with(collector, message)) == 3
    assert dropped(program) == lost


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 500, 501])
def test_what_it_refuses_is_dropped_and_counted(collector, program, publish, status):
    lost = dropped(program)
    collector.behaviour = answer(status, headers={"Location": collector.url})
    message = publish()
    wait_for(lambda: dropped(program) > lost, "a span dropped")
    collector.behaviour = TAKEN
    later = publish()
    wait_collected(collector, later)
    assert [request.status for request in requests_with(collector, message)] == [status]
    assert dropped(program) == lost + 1


@pytest.mark.parametrize("rejected", [b'"1"', b"1"])
def test_of_what_it_takes_it_may_reject_some(collector, program, publish, rejected):
    """OTLP: a partial success is not to be repeated."""
    lost = dropped(program)
    partial = b'{"partialSuccess": {"rejectedSpans": %s, "errorMessage": "too old"}}' % rejected
    collector.behaviour = answer(200, partial, {"Content-Type": "application/json"})
    message = publish()
    wait_for(lambda: dropped(program) > lost, "a span dropped")
    assert dropped(program) == lost + 1
    assert len(requests_with(collector, message)) == 1
    assert program.events("tracing.rejected")[-1]["reason"] == "too old"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"partialSuccess": {"rejectedSpans": "-1"}}', b"null"])
def test_an_answer_that_says_nothing_is_a_success(collector, program, publish, body):
    lost, taken = dropped(program), sent(program)
    collector.behaviour = answer(200, body)
    publish()
    wait_for(lambda: sent(program) == taken + 1, "a span sent")
    assert dropped(program) == lost


def test_what_waits_is_sent_at_the_end(collector, collected_suite, program, publish):
    message = publish()
    collected_suite.terminate("hub-0")
    try:
        wait_collected(collector, message)
    finally:
        collected_suite.start("hub-0")
