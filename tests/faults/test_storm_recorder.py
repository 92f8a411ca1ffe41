"""The receiving side of the storm: what it writes down, and how it fails on command."""

import hashlib
import hmac
import http.client
import time
import uuid

import pytest

from harness.wait import wait_for
from storm.recorder import (
    DELIVERY,
    DENIAL,
    NO_SECRET,
    VERIFICATION,
    Progress,
    Recorder,
    read_records,
    secret,
)

MESSAGE_ID = uuid.UUID(int=0x0123456789ABCDEF)


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path, 2) as recorder:
        yield recorder


class Hub:
    """Requests to one subscriber on a keep-alive connection."""

    def __init__(self, recorder: Recorder, subscriber: int = 1):
        address = recorder.callback(subscriber).split("/")[2]
        self._connection = http.client.HTTPConnection(address, timeout=5)
        self._subscriber = subscriber

    def deliver(self, number: int = 1, topic: int = 2, generation: int = 0) -> int:
        body = f"{topic} {number} text".encode()
        key = secret(self._subscriber, topic, generation).encode()
        headers = {
            "X-Hub-Message-Id": str(MESSAGE_ID),
            "X-Hub-Signature": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
        return self._exchange("POST", "/callback", body, headers)[0]

    def get(self, query: str) -> tuple[int, bytes]:
        return self._exchange("GET", f"/callback?{query}")

    def _exchange(self, *request) -> tuple[int, bytes]:
        try:
            self._connection.request(*request)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def send_only(self) -> None:
        self._connection.request("POST", "/callback", b"2 1 text")

    def is_dropped(self) -> bool:
        """Whether what was sent is never going to be answered."""
        try:
            self._connection.getresponse()
        except http.client.RemoteDisconnected:
            self._connection.close()
            return True
        return False


def records(recorder: Recorder, count: int) -> list[tuple]:
    """So many, without their times."""
    wait_for(lambda: len(list(read_records(recorder.path))) >= count, f"{count} records", 5)
    return [record[1:] for record in read_records(recorder.path)]


def test_deliveries_are_recorded_with_the_secret_that_signed_them(recorder):
    hub = Hub(recorder)
    before = time.monotonic_ns()
    assert [hub.deliver(7, generation=g) for g in (0, 3, 3, 1)] == [204] * 4
    assert hub.deliver(8, generation=1000) == 204
    expected = [(7, MESSAGE_ID.bytes, 1, 2, 204, DELIVERY, generation) for generation in (0, 3, 3, 1)]
    assert records(recorder, 5) == [*expected, (8, MESSAGE_ID.bytes, 1, 2, 204, DELIVERY, NO_SECRET)]
    times = [record[0] for record in read_records(recorder.path)]
    assert before < times[0] and times == sorted(times) and times[-1] < time.monotonic_ns()


def test_intents_are_confirmed_and_denials_recorded(recorder):
    topic = "hub.topic=http%3A%2F%2Fpublisher.example%2Fstorm%2F3"
    intent = f"hub.mode=subscribe&{topic}&hub.challenge=a%20b&hub.lease_seconds=60"
    assert Hub(recorder).get(intent) == (200, b"a b")
    Hub(recorder).get(f"hub.mode=denied&{topic}&hub.reason=x")
    assert [(record[0], record[3], record[5]) for record in records(recorder, 2)] == [
        (60, 3, VERIFICATION),
        (0, 3, DENIAL),
    ]


def test_what_follows_the_record_sees_what_was_answered(recorder):
    progress = Progress(recorder.path)
    hub = Hub(recorder, 0)
    for number in range(1, 4):
        hub.deliver(number)
    wait_for(lambda: progress.follow() or progress.confirmed == {(0, 2): 3}, "three deliveries", 5)
    progress.close()


def test_failures_hit_the_chosen_subscriber_until_it_recovers(recorder):
    failing, healthy = Hub(recorder, 0), Hub(recorder, 1)
    recorder.fail([0], "503")
    assert (failing.deliver(), healthy.deliver()) == (503, 204)
    recorder.fail([0], "drop")
    with pytest.raises(http.client.RemoteDisconnected):
        failing.deliver()
    recorder.fail([0], "refuse")
    with pytest.raises(ConnectionRefusedError):
        failing.deliver()
    recorder.fail([0], "recover")
    assert failing.deliver() == 204
    statuses = [record[4] for record in records(recorder, 4) if record[2] == 0]
    assert statuses == [503, 0, 204]


def test_what_hangs_is_dropped_when_the_failure_ends(recorder):
    recorder.fail([1], "hang")
    hub = Hub(recorder)
    hub.send_only()
    assert records(recorder, 1)[0][4] == 0
    recorder.fail([1], "recover")
    assert hub.is_dropped()
    assert hub.deliver() == 204
