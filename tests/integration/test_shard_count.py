"""Somebody adds partitions to the events and state topics: there are as many shards as before."""

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient, NewPartitions

from harness import planted
from harness.hub_client import HubClient
from harness.settle import subscribe
from harness.subscriber import Endpoint
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

SHARDS = 4
PREFIX = "grown-"
SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": f"{SHARDS}",
    # As often as running programs look, by default every five minutes.
    "WEBSUB_KAFKA_PROPERTIES": "topic.metadata.refresh.interval.ms=500",
}


def wait_noticed(admin: AdminClient, group: str) -> None:
    """The group has been given partitions that are no shards."""

    def noticed() -> bool:
        found = admin.describe_consumer_groups([group])[group].result(20)
        given = [at.partition for member in found.members for at in member.assignment.topic_partitions]
        return found.state == ConsumerGroupState.STABLE and max(given, default=0) >= SHARDS

    wait_for(noticed, f"{group} knows of the new partitions")


def check_each_gets_it_once(hub: HubClient, topic: str, endpoints: list[Endpoint], name: str) -> None:
    """And in their order, so that nothing can come after the second that is not counted."""
    bodies = [planted.payload(f"{name} {number}") for number in range(2)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    for endpoint in endpoints:
        wait_for(lambda: bodies[-1] in endpoint.bodies(), lambda: f"{name} arrives{endpoint.describe()}")
        assert [body for body in endpoint.bodies() if body in bodies] == bodies, endpoint.describe()


def test_added_partitions_change_nothing(kafka, tmp_path, subscriber):
    admin = AdminClient(kafka.client)
    with Suite(kafka.bootstrap, tmp_path, PREFIX, settings=SETTINGS) as suite:
        suite.start()
        hub, topic = suite.hub(), new_topic("grown")
        hub.register(topic).check_accepted()
        endpoints = [subscriber.endpoint() for _ in range(3 * SHARDS)]
        for endpoint in endpoints:
            subscribe(hub, topic, endpoint)

        # Different counts: neither has to fit the other any more.
        grown = [NewPartitions(f"{PREFIX}events", 2 * SHARDS), NewPartitions(f"{PREFIX}state", 3 * SHARDS)]
        for created in admin.create_partitions(grown).values():
            created.result(20)
        for group in ("consolidator", "dispatchers"):
            wait_noticed(admin, f"{PREFIX}{group}")
        check_each_gets_it_once(hub, topic, endpoints, "while they run")
        later = subscriber.endpoint("later")
        subscribe(hub, topic, later)

        suite.terminate()
        suite.start()
        for program in suite.programs.values():
            assert len(program.events("kafka.partitions_ignored")) == 2, program.tail()
        hub = suite.hub()
        for endpoint in endpoints:  # a renewal must find the subscription that it renews
            hub.subscribe(topic, endpoint.url).check_accepted(202)
            endpoint.wait_verified(count=2)
        check_each_gets_it_once(hub, topic, [*endpoints, later], "after a restart")
