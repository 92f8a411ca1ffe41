"""What operators and orchestrators ask each program: alive, ready, metrics, MOSIP's health check."""

import json
import re

import pytest

from harness import planted
from harness.hub_client import HubClient
from harness.metrics import metric
from harness.program import KINDS
from harness.settle import subscribe

ACTUATORS = {kind: f"/{kind}/actuator/health" for kind in KINDS}

# name{labels} value, or a comment
METRIC_LINE = re.compile(r"^(# (HELP|TYPE) \w+ .+|\w+({(\w+=\"[^\"]*\",?)+})? [-+0-9.eInfNa]+)$")


@pytest.mark.parametrize("kind", KINDS)
def test_running_program_is_alive_and_ready(suite, kind):
    program = suite[f"{kind}-0"]
    assert program.get("/healthz").status == 200
    assert program.get("/readyz").status == 200
    health = program.get(ACTUATORS[kind])
    assert health.status == 200
    assert health.header("Content-Type").split(";")[0] == "application/json"
    assert json.loads(health.body)["status"] == "UP"


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_in_the_format_of_prometheus(suite, kind):
    answer = suite[f"{kind}-0"].get("/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert [line for line in lines if not METRIC_LINE.match(line)] == []
    assert any(line.startswith(f"websub_{kind}_") for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_health_is_only_read(suite, kind):
    client = HubClient(suite[f"{kind}-0"].port)
    for path in ("/healthz", "/readyz", "/metrics", ACTUATORS[kind]):
        assert client.request("HEAD", path).status == 200
        refused = client.request("POST", path, b"x")
        assert refused.status == 405, refused
        assert "GET" in refused.header("Allow")
    assert client.request("GET", "/no-such-page").status == 404
    client.close()


def test_metrics_count_what_happens(suite, hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    published, delivered = count_published(suite), count_delivered(suite)
    for number in range(5):
        hub.publish(topic, planted.payload(f"{number}")).check_accepted()
    endpoint.wait_attempts(5)
    assert count_published(suite) - published == 5
    assert count_delivered(suite) - delivered >= 4  # the last may be answered and not yet counted


def count_published(suite) -> float:
    return metric(suite["hub-0"], 'websub_hub_requests_total{mode="publish",outcome="accepted"}')


def count_delivered(suite) -> float:
    return metric(suite["dispatcher-0"], "websub_dispatcher_deliveries_total")
