"""The judges themselves: a history checker or subscriber that is wrong would let everything pass."""

import hashlib
import hmac
import http.client
import signal
import threading

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import planted
from harness.behaviours import answer, drop_connection, first, hold
from harness.history import Arrival, Fault, History, find_problems
from harness.kafka import KafkaBroker
from harness.kafka_view import KafkaView
from harness.process import ManagedProcess
from harness.subscriber import WARM_UP, Subscriber

CONFIRMED = {1: "id-1", 2: "id-2", 3: "id-3"}


def arrivals(*sequences: int) -> list[Arrival]:
    return [Arrival(sequence, f"id-{sequence}", float(at)) for at, sequence in enumerate(sequences)]


def test_history_accepts_everything_in_order():
    assert find_problems(CONFIRMED, arrivals(1, 2, 3)) == []


def test_history_finds_a_lost_message():
    assert find_problems(CONFIRMED, arrivals(1, 3)) == ["2 was confirmed and is lost"]


def test_history_finds_a_wrong_order():
    assert find_problems(CONFIRMED, arrivals(2, 1, 3)) == ["1 arrived for the first time after 2"]


def test_history_finds_a_duplicate_without_a_fault():
    assert find_problems(CONFIRMED, arrivals(1, 2, 2, 3)) == ["2 arrived again without a fault"]


def test_history_accepts_a_replay_after_a_fault():
    replay = arrivals(1, 2, 1, 2, 3)
    assert find_problems(CONFIRMED, replay, [Fault("kill", 1.5)]) == []
    assert find_problems(CONFIRMED, replay, [Fault("kill", 10.0)]) != []


def test_history_finds_a_duplicate_with_another_id():
    again = [*arrivals(1, 2, 3), Arrival(3, "id-4", 3.0)]
    assert find_problems(CONFIRMED, again, [Fault("kill", 2.5)]) == ["3 arrived with two ids, id-3 and id-4"]


def test_history_finds_an_id_that_the_publisher_was_not_told():
    assert find_problems({1: "another"}, arrivals(1)) == ["1 was confirmed as another but arrived as id-1"]


def test_history_leaves_open_whether_an_unanswered_message_arrives():
    assert find_problems({1: "id-1", 3: "id-3"}, arrivals(1, 3)) == []
    assert find_problems({1: "id-1", 3: "id-3"}, arrivals(1, 3, 2)) == []


@pytest.fixture
def server():
    server = Subscriber()
    yield server
    server.stop()


@pytest.fixture
def connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield connection
    connection.close()


def exchange(connection, method, target, body=None, headers=None):
    connection.request(method, target, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


def test_history_report_shows_what_surrounds_a_problem(server, connection):
    history = History("t")
    endpoint = server.endpoint()
    for _ in range(3):
        sequence, body = history.next_message()
        history.confirm(sequence, f"id-{sequence}")
        if sequence != 2:
            headers = {"X-Hub-Message-Id": f"id-{sequence}"}
            exchange(connection, "POST", endpoint.path, body, headers)
    with pytest.raises(AssertionError, match=r"2 was confirmed and is lost\n +… 1@.* 3@") as failure:
        history.wait_arrived(endpoint, timeout=0.1)
    assert "2 arrivals, 0 repeated, 1 problems" in str(failure.value)


def test_subscriber_echoes_challenges_and_records_what_it_got(server, connection):
    endpoint = server.endpoint(query="own=1")
    target = f"{endpoint.path}?own=1&hub.mode=subscribe&hub.challenge=c%20c"
    assert exchange(connection, "GET", target) == (200, b"c c")
    assert endpoint.wait_verified().target == target


def test_subscriber_follows_its_script(server, connection):
    endpoint = server.endpoint()
    endpoint.on_delivery = first(2, answer(500), then=answer(204))
    statuses = [exchange(connection, "POST", endpoint.path, b"x")[0] for _ in range(3)]
    assert statuses == [500, 500, 204]
    assert len(endpoint.attempts()) == 3
    assert endpoint.bodies() == [b"x"]


def test_subscriber_keeps_warm_ups_apart_and_takes_them_always(server, connection):
    endpoint = server.endpoint()
    endpoint.on_delivery = answer(500)
    assert exchange(connection, "POST", endpoint.path, b"w", {"Content-Type": WARM_UP})[0] == 200
    assert endpoint.attempts() == []
    assert len(endpoint.warm_ups()) == 1


def test_subscriber_drops_and_holds_connections(server, connection):
    endpoint = server.endpoint()
    endpoint.on_delivery = drop_connection
    with pytest.raises(http.client.RemoteDisconnected):
        exchange(connection, "POST", endpoint.path, b"x")
    release = threading.Event()
    endpoint.on_delivery = hold(release, then=answer(200))
    connection.close()
    connection.request("POST", endpoint.path, b"x")
    endpoint.wait_attempts(2)
    assert endpoint.bodies() == []
    release.set()
    assert connection.getresponse().status == 200


def test_subscriber_stops_and_comes_back_on_its_port(server, connection):
    endpoint = server.endpoint()
    exchange(connection, "POST", endpoint.path, b"x")
    server.stop()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        exchange(connection, "POST", endpoint.path, b"x")
    server.start()
    connection.close()
    assert exchange(connection, "POST", endpoint.path, b"x")[0] == 200


def test_subscriber_checks_signatures_over_the_exact_body(server, connection):
    endpoint = server.endpoint()
    secret = planted.secret()
    signature = "sha256=" + hmac.new(secret.encode(), b"body", hashlib.sha256).hexdigest()
    for body in (b"body", b"body "):
        exchange(connection, "POST", endpoint.path, body, {"X-Hub-Signature": signature})
    right, wrong = endpoint.attempts()
    assert right.is_signed_with(secret)
    assert not right.is_signed_with("another")
    assert not wrong.is_signed_with(secret)


def test_process_reports_its_end_and_its_output(tmp_path):
    process = ManagedProcess("shell", ["sh", "-c", "echo one; echo two >&2; exit 3"], tmp_path / "log")
    process.start()
    assert process.wait() == 3
    assert process.new_log_lines() == ["one", "two"]
    assert process.new_log_lines() == []
    process.start()
    assert process.wait() == 3
    assert process.log() == "one\ntwo\n"


def test_process_is_killed_even_when_it_is_stopped(tmp_path):
    process = ManagedProcess("sleep", ["sleep", "60"], tmp_path / "log")
    process.start()
    process.pause()
    process.kill()
    assert process.returncode == -signal.SIGKILL


def test_kafka_serves_and_keeps_its_data_over_kill_and_restart(tmp_path):
    broker = KafkaBroker(tmp_path)
    broker.start()
    try:
        admin = AdminClient(broker.client)
        admin.create_topics([NewTopic("t-1", 2, 1)])["t-1"].result(20)
        producer = Producer(broker.client)
        producer.produce("t-1", b"value")
        assert producer.flush(20) == 0
        broker.kill()
        broker.start()
        view = KafkaView(broker.client)
        assert view.topics("t-") == {"t-1": 2}
        assert view.record_counts("t-") == {"t-1": 1}
        view.close()
    finally:
        broker.stop()
