"""retry.on_exhausted = "dead-letter": what a subscriber never takes is put aside, and the rest goes on."""

import pytest

from harness import planted
from harness.behaviours import Behaviour, answer, first
from harness.commands import Commands
from harness.dead_letters import letters_of
from harness.history import History
from harness.hub_client import HubClient
from harness.ids import subscription_id
from harness.kafka_view import KafkaView, Record
from harness.metrics import metric
from harness.publisher import SteadyPublisher
from harness.settle import subscribe
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import DEADLINE, wait_for

POISON = b"poison"


def settings(give_up_after: str) -> dict[str, str]:
    return {
        "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
        "WEBSUB_RETRY_GIVE_UP_AFTER": give_up_after,
        "WEBSUB_RETRY_MIN_INTERVAL": "50ms",
        "WEBSUB_RETRY_MAX_INTERVAL": "200ms",
        "WEBSUB_DISPATCHER_COMMIT_INTERVAL": "200ms",
    }


@pytest.fixture(scope="module")
def burying(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("letters")
    with Suite(kafka.bootstrap, directory, "letters-", settings=settings("500ms")) as suite:
        yield suite


@pytest.fixture
def letters_suite(burying):
    return burying.start()


def refuse_poison(received) -> object:
    """What a subscriber does that cannot digest certain messages."""
    return answer(422 if POISON in received.body else 200)(received)


def wait_letters(
    view: KafkaView, suite: Suite, topic: str, endpoint: Endpoint, count: int, timeout: float = DEADLINE
) -> list[Record]:
    def enough() -> list[Record]:
        found = letters_of(view, suite, topic, endpoint.url)
        return found if len(found) >= count else []

    return wait_for(enough, lambda: f"{count} dead letters{endpoint.describe()}", timeout, pause=0.2)


def publish(hub: HubClient, topic: str, bodies: list[bytes], content_type: str = "text/plain") -> list[str]:
    """Returns the message ids."""
    return [hub.publish(topic, body, content_type).check_accepted().message_id for body in bodies]


def test_message_that_is_never_taken_becomes_a_dead_letter_and_the_others_arrive(
    letters_suite, kafka_view, subscriber
):
    hub, endpoint, other = letters_suite.hub(), subscriber.endpoint(), subscriber.endpoint("other")
    topic = register_topic(hub, "poison")
    for each in (endpoint, other):
        subscribe(hub, topic, each, planted.secret())
    counted = metric(letters_suite["dispatcher-0"], "websub_dispatcher_dead_letters_total")
    endpoint.on_delivery = refuse_poison
    before = [planted.payload(f"before {number}") for number in range(5)]
    poison = planted.payload() + POISON + b"\x00\xff\r\n"
    after = [planted.payload(f"after {number}") for number in range(5)]
    publish(hub, topic, before)
    content_type = 'application/json; profile="https://example.org/a"'
    message_id = publish(hub, topic, [poison], content_type)[0]
    publish(hub, topic, after)
    endpoint.wait_bodies(before + after)
    other.wait_bodies([*before, poison, *after])
    (letter,) = wait_letters(kafka_view, letters_suite, topic, endpoint, 1)
    check_letter(letter, kafka_view, topic, endpoint, message_id, poison)
    assert letter.header("content-type") == content_type
    refused = [attempt for attempt in endpoint.attempts() if attempt.body == poison]
    assert letter.header("failures") == str(len(refused))
    assert len(refused) > 1
    assert letters_of(kafka_view, letters_suite, topic, other.url) == []
    assert metric(letters_suite["dispatcher-0"], "websub_dispatcher_dead_letters_total") == counted + 1
    check_told(letters_suite, kafka_view, topic, endpoint, message_id)


def check_letter(
    letter: Record, view: KafkaView, topic: str, endpoint: Endpoint, message_id: str, body: bytes
) -> None:
    assert letter.value == body
    assert letter.header("message-id") == message_id
    assert letter.header("topic") == topic
    assert letter.header("callback") == endpoint.url
    assert letter.header("reason") == "status_4xx"
    assert int(letter.header("dead-lettered-at")) >= int(letter.header("published-at")) + 500
    origin = view.records(letter.header("origin-topic"), key=topic)
    (message,) = [record for record in origin if record.header("message-id") == message_id]
    assert letter.header("origin-partition") == str(message.partition)
    assert letter.header("origin-offset") == str(message.offset)
    assert message.value == body
    assert letter.header("published-at") == message.header("published-at")


def check_told(suite: Suite, view: KafkaView, topic: str, endpoint: Endpoint, message_id: str) -> None:
    """In the log and in the attempts topic."""
    key = subscription_id(topic, endpoint.url)
    logged = suite["dispatcher-0"].events("delivery.dead_lettered", subscription=key)
    assert [event["message"] for event in logged] == [message_id]

    def recorded() -> list[str]:
        records = [record.json for record in view.records(f"{suite.prefix}attempts", key)]
        return [record["message"] for record in records if record["type"] == "delivery.dead_lettered"]

    wait_for(recorded, "the dead letter among the attempts", pause=0.2)
    assert recorded() == [message_id]
    assert suite["dispatcher-0"].events("subscription.suspended", subscription=key) == []


def test_message_that_is_taken_in_time_is_no_dead_letter(letters_suite, kafka_view, subscriber):
    hub, endpoint = letters_suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "late")
    subscribe(hub, topic, endpoint)
    # Not more than once: between two failures it may be given up, if the machine stops there.
    endpoint.on_delivery = first(1, answer(500), then=answer(200))
    bodies = [planted.payload(f"{number}") for number in range(3)]
    publish(hub, topic, bodies)
    endpoint.wait_bodies(bodies)
    assert len(endpoint.attempts()) == len(bodies) + 1
    assert letters_of(kafka_view, letters_suite, topic, endpoint.url) == []


def test_messages_of_a_subscriber_that_is_down_become_dead_letters_one_after_the_other(
    letters_suite, kafka_view
):
    """And what is published when it is back is delivered."""
    hub, machine = letters_suite.hub(), Subscriber()
    topic = register_topic(hub, "down")
    try:
        endpoint = machine.endpoint()
        subscribe(hub, topic, endpoint)
        machine.stop()
        bodies = [planted.payload(f"down {number}") for number in range(4)]
        message_ids = publish(hub, topic, bodies)
        letters = wait_letters(kafka_view, letters_suite, topic, endpoint, len(bodies))
        assert [letter.value for letter in letters] == bodies
        assert [letter.header("message-id") for letter in letters] == message_ids
        assert letters[-1].header("reason") == "refused"
        machine.start()
        after = [planted.payload(f"after {number}") for number in range(3)]
        publish(hub, topic, after)
        endpoint.wait_bodies(after)
        assert len(letters_of(kafka_view, letters_suite, topic, endpoint.url)) == len(bodies)
    finally:
        machine.stop()


def refuse_every(nth: int) -> Behaviour:
    """Refuses the messages of a history whose number is a multiple of this."""

    def behave(received):
        digits = received.body.rpartition(b" ")[2]
        return answer(422 if digits.isdigit() and int(digits) % nth == 0 else 200)(received)

    return behave


def test_dispatcher_that_is_killed_again_and_again_loses_nothing(letters_suite, kafka_view, subscriber):
    """Each message is delivered or a dead letter; twice at most around a kill, and with the same id."""
    hub, endpoint, other = letters_suite.hub(), subscriber.endpoint(), subscriber.endpoint("other")
    topic = register_topic(hub, "killed")
    for each in (endpoint, other):
        subscribe(hub, topic, each)
    endpoint.on_delivery = refuse_every(20)
    history = History(topic)
    with SteadyPublisher(history, letters_suite.hubs(), per_second=50) as publisher:
        for round_number in range(3):
            seen = len(letters_of(kafka_view, letters_suite, topic, endpoint.url))
            publisher.wait_confirmed(25)
            if round_number > 0:
                wait_letters(kafka_view, letters_suite, topic, endpoint, seen + 1)
            history.fault("kill -9 dispatcher-0")
            letters_suite.kill("dispatcher-0")
            letters_suite.start("dispatcher-0")
    history.wait_arrived(other)
    confirmed = history.confirmed()
    poison = {message_id for sequence, message_id in confirmed.items() if sequence % 20 == 0}

    def buried() -> set[str]:
        letters = letters_of(kafka_view, letters_suite, topic, endpoint.url)
        return {letter.header("message-id") for letter in letters}

    wait_for(
        lambda: buried() >= poison, lambda: f"dead letters for all of {poison - buried()}", 60, pause=0.3
    )
    assert buried() == poison, "a message that the subscriber takes is a dead letter"
    wanted = set(confirmed.values()) - poison
    wait_for(lambda: {d.message_id for d in endpoint.deliveries()} >= wanted, "all others to arrive", 60)
    first_arrivals = list(dict.fromkeys(d.message_id for d in endpoint.deliveries()))
    assert first_arrivals == [i for s, i in sorted(confirmed.items()) if i in wanted], "the order"


def test_dead_letter_is_delivered_once_more_when_an_operator_says_so(letters_suite, kafka_view, subscriber):
    """At the offset that the letter names; as it was published, and nothing else comes again."""
    hub, endpoint = letters_suite.hub(), subscriber.endpoint()
    topic = register_topic(hub, "redelivered")
    subscribe(hub, topic, endpoint, planted.secret())
    endpoint.on_delivery = refuse_poison
    bodies = [planted.payload("one"), planted.payload() + POISON, planted.payload("two")]
    ids = publish(hub, topic, bodies)
    letter = wait_letters(kafka_view, letters_suite, topic, endpoint, 1)[0]
    endpoint.wait_bodies([bodies[0], bodies[2]])
    partitions = int(letters_suite.settings["WEBSUB_KAFKA_PARTITIONS"])
    commands = Commands(letters_suite, kafka_view, topic, partitions)
    endpoint.on_delivery = answer(200)
    commands.give("delivery.redeliver", endpoint, offset=int(letter.header("origin-offset")))
    endpoint.wait_bodies([bodies[0], bodies[2], bodies[1]])
    last = endpoint.deliveries()[-1]
    assert last.message_id == ids[1] and last.is_signed_with(planted.secret())
    commands.wait_state(endpoint, "nothing left to redeliver", lambda state: "redeliver" not in state)
