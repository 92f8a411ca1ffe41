"""Programs start in any order, wait for Kafka with clear log lines, and stop cleanly."""

import json
import signal
import threading

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.kafka import KafkaBroker
from harness.metrics import metric
from harness.program import Program
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic
from harness.wait import DEADLINE, stays_false, wait_for

# SIGTERM to the end of the process, with nothing under way: while Kafka is frozen, a dispatcher takes ten.
STOP_BOUND = 25


@pytest.fixture
def own_broker(tmp_path):
    broker = KafkaBroker(tmp_path / "kafka")
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def main_job_works(suite: Suite, subscriber) -> None:
    hub, topic, endpoint = suite.hub(), new_topic("started"), subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    hub.close()


@pytest.mark.parametrize(
    "order",
    [
        ("hub-0", "consolidator-0", "dispatcher-0"),
        ("dispatcher-0", "hub-0", "consolidator-0"),
        ("consolidator-0", "dispatcher-0", "hub-0"),
    ],
    ids=", ".join,
)
def test_programs_start_in_any_order_and_stop_on_sigterm(kafka, tmp_path, subscriber, order):
    """Each is up before the next one starts, on a Kafka without any of their topics."""
    with Suite(kafka.bootstrap, tmp_path, f"order-{order[0]}-") as suite:
        for name in order:
            suite.start_without_waiting(name)
            suite[name].wait_healthy()
        suite.wait_ready()
        main_job_works(suite, subscriber)
        for name in reversed(order):
            suite[name].terminate(STOP_BOUND)


def test_programs_wait_for_kafka_and_say_so(tmp_path, subscriber):
    """Alive but not ready, with a log line that names the broker; then they go on by themselves."""
    broker = KafkaBroker(tmp_path / "kafka")
    with Suite(broker.bootstrap, tmp_path, "waiting-") as suite:
        suite.start_without_waiting()
        for program in suite.programs.values():
            program.wait_healthy()
            wait_for(
                lambda: any(broker.bootstrap in line for line in warnings(program)),
                lambda: f"a warning of {program.name} that names {broker.bootstrap}{program.tail()}",
            )
            assert program.get("/readyz").status == 503
        suite.hub().register("topic").check_denied(503)
        try:
            broker.start()
            suite.wait_ready()
            main_job_works(suite, subscriber)
            suite.terminate()
        finally:
            broker.stop()


def warnings(program: Program) -> list[str]:
    return [line for line in program.log_lines() if json.loads(line)["level"] in ("warning", "error")]


def test_log_is_one_json_object_a_line(suite, hub, topic):
    hub.publish(topic, planted.payload()).check_accepted()
    for program in suite.programs.values():
        for line in program.log_lines():
            entry = json.loads(line)
            assert {"time", "level", "program", "event"} <= entry.keys(), line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_programs_that_wait_for_kafka_stop_at_once(tmp_path, number):
    with Suite("127.0.0.1:9", tmp_path, "never-") as suite:
        suite.start_without_waiting()
        for program in suite.programs.values():
            program.wait_healthy()
        for program in suite.programs.values():
            program.signal(number)
        for program in suite.programs.values():
            program.wait_terminated(STOP_BOUND)


@pytest.mark.parametrize("go_away", [KafkaBroker.stop, KafkaBroker.pause], ids=["stopped", "frozen"])
def test_programs_stop_in_bounded_time_while_kafka_is_away(own_broker, tmp_path, subscriber, go_away):
    """In the middle of everything, and what was accepted before is delivered when all are back."""
    settings = {"WEBSUB_DISPATCHER_SHUTDOWN_GRACE": "2s"}
    with Suite(own_broker.bootstrap, tmp_path, "away-", settings=settings) as suite:
        suite.start()
        hub, topic, endpoint = suite.hub(), new_topic("away"), subscriber.endpoint()
        hub.register(topic).check_accepted()
        subscribe(hub, topic, endpoint)
        endpoint.on_delivery = answer(503)
        hub.publish(topic, planted.payload()).check_accepted()
        endpoint.wait_attempts(1)
        go_away(own_broker)
        for program in suite.programs.values():
            program.signal(signal.SIGTERM)
        for program in suite.programs.values():
            program.wait_terminated(2 + STOP_BOUND)
        endpoint.on_delivery = answer(200)
        own_broker.kill()
        own_broker.start()
        suite.start()
        endpoint.wait_bodies([planted.payload()])


def test_dispatcher_stops_in_bounded_time_while_a_subscriber_hangs(kafka, tmp_path, subscriber):
    """And the message that was under way is delivered after the restart."""
    settings = {"WEBSUB_DISPATCHER_SHUTDOWN_GRACE": "2s"}
    with Suite(kafka.bootstrap, tmp_path, "hanging-", settings=settings) as suite:
        suite.start()
        hub, topic, endpoint = suite.hub(), new_topic("hanging"), subscriber.endpoint()
        release = threading.Event()
        hub.register(topic).check_accepted()
        subscribe(hub, topic, endpoint)
        endpoint.on_delivery = hold(release, then=answer(500))
        hub.publish(topic, planted.payload()).check_accepted()
        endpoint.wait_attempts(1)
        suite["dispatcher-0"].terminate(2 + STOP_BOUND)
        release.set()
        endpoint.on_delivery = answer(200)
        suite.start("dispatcher-0")
        endpoint.wait_bodies([planted.payload()])


def test_clean_restart_repeats_and_loses_nothing(kafka, tmp_path, subscriber):
    """SIGTERM commits what was confirmed: no duplicate, and what came meanwhile is delivered."""
    with Suite(kafka.bootstrap, tmp_path, "restart-") as suite:
        suite.start()
        hub, topic, endpoint = suite.hub(), new_topic("restart"), subscriber.endpoint()
        hub.register(topic).check_accepted()
        subscribe(hub, topic, endpoint, planted.secret())
        bodies = []

        def publish(count: int) -> None:
            for _ in range(count):
                bodies.append(planted.payload(f"{len(bodies)}"))
                hub.publish(topic, bodies[-1]).check_accepted()

        publish(10)
        endpoint.wait_bodies(bodies)
        suite.terminate("dispatcher-0")
        publish(10)
        suite.start("dispatcher-0")
        endpoint.wait_bodies(bodies)
        suite.terminate()
        suite.start()
        hub.close()  # the hub that the connection was to has ended
        publish(10)
        endpoint.wait_bodies(bodies)
        assert all(delivery.is_signed_with(planted.secret()) for delivery in endpoint.deliveries())


def let_in(hub: Program) -> float:
    """How many requests it has begun to handle."""
    name = "websub_hub_authentications_total"
    return sum(metric(hub, f'{name}{{outcome="{outcome}"}}') for outcome in ("granted", "cached"))


def test_hub_finishes_the_publish_under_way_when_it_is_stopped(own_broker, tmp_path, subscriber):
    """The publisher gets the answer of the request that SIGTERM met: accepted, as Kafka comes back."""
    users = UsersFile(tmp_path / "users", {"publisher": ""})
    settings = users.settings() | {"WEBSUB_KAFKA_PRODUCE_TIMEOUT": f"{DEADLINE:g}s"}
    with Suite(own_broker.bootstrap, tmp_path, "finishing-", settings=settings) as suite:
        suite.start()
        hub, topic, endpoint = suite.hub(headers=basic("publisher")), new_topic("done"), subscriber.endpoint()
        hub.register(topic).check_accepted()
        subscribe(hub, topic, endpoint)
        answers = []
        publisher = threading.Thread(
            target=lambda: answers.append(hub.publish(topic, planted.payload())), daemon=True
        )
        own_broker.pause()
        try:
            before = let_in(suite["hub-0"])
            publisher.start()
            wait_for(lambda: let_in(suite["hub-0"]) > before, "the request to be under way")
            suite["hub-0"].signal(signal.SIGTERM)
            wait_for(lambda: suite["hub-0"].events("hub.stopping"), "the hub to stop")
            stays_false(lambda: answers, "answered without Kafka", 0.5)
        finally:
            own_broker.resume()
        suite["hub-0"].wait_terminated(STOP_BOUND)
        publisher.join(STOP_BOUND)
        answers[0].check_accepted()
        endpoint.wait_bodies([planted.payload()])
