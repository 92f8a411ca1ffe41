"""The embedded broker is librdkafka's mock cluster: the suite must live with what that does not know."""

import subprocess
import time

import pytest

from harness import planted
from harness.paths import bin_dir
from harness.ports import free_port
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import DEADLINE, wait_for

SESSION_TIMEOUT = 4.0  # the broker waits for three seconds for members to come


@pytest.fixture
def embedded(tmp_path):
    address = tmp_path / "broker.address"
    with (tmp_path / "devbroker.log").open("w") as log:
        command = [bin_dir() / "websub-devbroker", "--port", str(free_port()), "--address-file", address]
        broker = subprocess.Popen(command, stdout=log, stderr=log)
        yield wait_for(lambda: address.exists() and address.read_text().strip(), "the broker's address")
        broker.terminate()
        assert broker.wait(DEADLINE) == 0


def test_deliveries_go_on_for_longer_than_the_session_timeout(embedded, tmp_path, subscriber):
    """It cannot be asked who is a member of a group; a dispatcher is one nevertheless."""
    settings = {
        "WEBSUB_KAFKA_TOPIC_PREFIX": "websub-",  # that for which the broker has topics
        "WEBSUB_KAFKA_PARTITIONS": "32",
        "WEBSUB_KAFKA_SESSION_TIMEOUT": f"{SESSION_TIMEOUT:g}s",
    }
    with Suite(embedded, tmp_path, "websub-", settings=settings) as suite:
        hub, endpoint = suite.start().hub(), subscriber.endpoint()
        topic = register_topic(hub, "embedded")
        subscribe(hub, topic, endpoint, planted.secret())
        published, end = [], time.monotonic() + 1.5 * SESSION_TIMEOUT
        while time.monotonic() < end:
            published.append(planted.payload(str(len(published))))
            hub.publish(topic, published[-1]).check_accepted()
            endpoint.wait_bodies(published)
        suite.terminate("dispatcher-0")
