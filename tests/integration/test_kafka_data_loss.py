"""Kafka loses messages that it had confirmed, as after an unclean leader election or a restored backup: that
cannot be made good, but what is published next is neither refused for ever nor passed over."""

import contextlib
import http.client
import shutil
from pathlib import Path

from harness import planted
from harness.kafka import KafkaBroker
from harness.kafka_view import KafkaView
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

PREFIX = "loss-"
# The dispatcher stays a member of its group while Kafka is away: nothing else makes it look again.
SETTINGS = {"WEBSUB_KAFKA_SESSION_TIMEOUT": "60s", "WEBSUB_KAFKA_PARTITIONS": "2"}


class Partition:
    """The only partition of the only dedicated message topic, as files of a broker that does not run."""

    def __init__(self, kafka: KafkaBroker, directory: Path):
        self._kafka = kafka
        self._copy = directory / "copy"
        view = KafkaView(kafka.client)
        (self.topic,) = (n for n in view.topics(f"{PREFIX}messages-") if not n.endswith("-pool"))
        view.close()
        (data,) = directory.glob("**/server.properties")
        self._files = data.parent / "data" / f"{self.topic}-0"

    def keep(self) -> None:
        self._kafka.stop()
        shutil.copytree(self._files, self._copy)
        self._kafka.start()

    def lose_what_came_since(self) -> None:
        self._kafka.stop()
        shutil.rmtree(self._files)
        shutil.copytree(self._copy, self._files)
        self._kafka.start()


def publish(suite: Suite, topic: str, *names: str) -> list[bytes]:
    """Each until it is confirmed: refused meanwhile, as by a hub that is starting."""
    bodies = [planted.payload(name) for name in names]
    for body in bodies:
        wait_for(lambda: suite.hub().publish(topic, body).status == 200, "a publication is confirmed", 60)
    return bodies


def notices(suite: Suite, topic: str) -> bool:
    """Whether the hub has ended for a publication. One that Kafka, hardly back, leaves unanswered is refused
    too, but tells the hub nothing."""
    with contextlib.suppress(OSError, http.client.HTTPException):  # it ends just now
        suite.hub().publish(topic, planted.payload("makes the hub notice")).check_denied(503)
    return not suite["hub-0"].running


def wait_restarted(suite: Suite, name: str) -> None:
    """It gives up by itself, and somebody starts it again."""
    program = suite[name]
    assert program.wait(60) == 1, program.tail()
    assert "Kafka has lost" in program.log(), program.tail()
    program.kill()  # its end was expected
    suite.start(name)


def test_what_is_published_after_messages_were_lost_arrives(tmp_path, subscriber):
    broker = KafkaBroker(tmp_path / "kafka")
    try:
        broker.start()
        with Suite(broker.bootstrap, tmp_path, PREFIX, settings=SETTINGS) as suite:
            lose_messages(suite, broker, tmp_path, subscriber.endpoint())
    finally:
        broker.stop()


def lose_messages(suite: Suite, broker: KafkaBroker, directory: Path, endpoint) -> None:
    suite.start()
    topic = new_topic("loss")
    suite.hub().register(topic).check_accepted()
    subscribe(suite.hub(), topic, endpoint)
    partition = Partition(broker, directory)
    partition.keep()
    many = publish(suite, topic, *(f"to be lost {number}" for number in range(20)))
    wait_for(lambda: many[-1] in endpoint.bodies(), lambda: f"all arrive{endpoint.describe()}", 60)

    partition.lose_what_came_since()
    wait_for(lambda: notices(suite, topic), "the hub notices", 60, pause=1)
    wait_restarted(suite, "hub-0")
    wait_restarted(suite, "dispatcher-0")
    # Fewer than were lost: their offsets are ones that the subscriber has confirmed.
    few = publish(suite, topic, "new 1", "new 2", "new 3")
    wait_for(
        lambda: all(body in endpoint.bodies() for body in few),
        lambda: f"what is new arrives{endpoint.describe()}",
    )
