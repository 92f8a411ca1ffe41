"""The state topic and what Kafka remembers of it do not fit each other any more: nothing is guessed."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from harness import planted
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

PARTITIONS = 4
PREFIX = "recovered-"
STATE, EVENTS, GROUP = (f"{PREFIX}{name}" for name in ("state", "events", "consolidator"))


@pytest.fixture(scope="module")
def admin(kafka):
    return AdminClient(kafka.client)


@pytest.fixture(scope="module")
def recovered(kafka, tmp_path_factory):
    settings = {"WEBSUB_KAFKA_PARTITIONS": f"{PARTITIONS}"}
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("recovered"), PREFIX, settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def subscribed(recovered, subscriber):
    recovered.start()
    topic, endpoint = new_topic("recovered"), subscriber.endpoint()
    hub = recovered.hub()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    return topic, endpoint


def deliver(suite: Suite, topic: str, endpoint, name: str) -> None:
    body = planted.payload(name)
    suite.hub().publish(topic, body).check_accepted()
    wait_for(lambda: body in endpoint.bodies(), lambda: f"{name} arrives{endpoint.describe()}")


def test_offsets_that_kafka_forgot_do_not_repeat_old_events(recovered, subscribed, admin):
    """As when no consolidator has run for offsets.retention.minutes."""
    topic, endpoint = subscribed
    recovered.terminate("consolidator-0")
    admin.delete_consumer_groups([GROUP])[GROUP].result(20)
    recovered.start("consolidator-0")
    deliver(recovered, topic, endpoint, "after the offsets were forgotten")
    witness = new_topic("witness")  # events of all partitions have been folded when these have
    for number in range(4 * PARTITIONS):
        recovered.hub().register(f"{witness}-{number}").check_accepted()
        recovered.hub().publish(f"{witness}-{number}", b"known").check_accepted()
    assert len(endpoint.verifications()) == 1, endpoint.describe()


def test_state_that_was_lost_is_not_begun_anew_but_can_be_rebuilt(recovered, subscribed, admin, kafka_view):
    topic, endpoint = subscribed
    recovered.terminate("dispatcher-0", "consolidator-0", "hub-0")
    admin.delete_topics([STATE])[STATE].result(20)
    wait_for(lambda: STATE not in kafka_view.topics(PREFIX), "the state topic is gone")
    recovered.start_without_waiting("hub-0", "consolidator-0")
    consolidator = recovered["consolidator-0"]
    assert consolidator.wait(60) == 1, consolidator.tail()
    assert "of the state topic is empty" in consolidator.log(), consolidator.tail()
    consolidator.kill()  # that it has ended was asked for

    beginning = [TopicPartition(EVENTS, number, 0) for number in range(PARTITIONS)]
    admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, beginning)])[GROUP].result(20)
    recovered.start("hub-0", "consolidator-0")
    # Not before: a dispatcher would verify the requests of former times that it sees come by.
    active = {"callback": endpoint.url, "status": "active"}
    wait_for(
        lambda: any(
            active.items() <= record.json.items() for record in kafka_view.records(STATE) if record.value
        ),
        "the subscription is there again",
    )
    recovered.start("dispatcher-0")
    deliver(recovered, topic, endpoint, "after the state was rebuilt")
    assert len(endpoint.verifications()) == 1, endpoint.describe()
