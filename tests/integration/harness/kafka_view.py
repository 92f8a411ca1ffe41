"""What lies on Kafka, seen with an independent client."""

import json
import time
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

_TIMEOUT = 20.0


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None  # None: a tombstone
    headers: list[tuple[str, bytes]]

    def header(self, name: str) -> str | None:
        """The value of the only header of this name."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{len(values)} headers {name}: {self}"
        return values[0].decode() if values else None

    @property
    def json(self) -> dict:
        return json.loads(self.value)


class KafkaView:
    def __init__(self, client: dict[str, str]):
        """client: KafkaBroker.client."""
        self._admin = AdminClient(client)
        # A group id is required by the client but never used: nothing is subscribed or committed.
        self._consumer = Consumer(
            client
            | {
                "group.id": "unused",
                "enable.auto.commit": False,
                # A beginning that moves while it is looked for is not to be taken for the end.
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        self._producer = Producer(client | {"linger.ms": 0})

    def close(self) -> None:
        self._consumer.close()

    def topics(self, prefix: str) -> dict[str, int]:
        """Topics whose name begins with the prefix, with their partition counts."""
        metadata = self._admin.list_topics(timeout=_TIMEOUT)
        return {
            name: len(topic.partitions) for name, topic in metadata.topics.items() if name.startswith(prefix)
        }

    def setting(self, topic: str, name: str) -> str:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        described = self._admin.describe_configs([resource])[resource].result(_TIMEOUT)
        return described[name].value

    def record_counts(self, prefix: str) -> dict[str, int]:
        """The sum of the end offsets of each topic with the prefix: it grows with every record."""
        return {
            name: sum(
                self._consumer.get_watermark_offsets(TopicPartition(name, partition), _TIMEOUT)[1]
                for partition in range(partitions)
            )
            for name, partitions in self.topics(prefix).items()
        }

    def records(self, topic: str, key: str | None = None) -> list[Record]:
        """Everything that lies in the topic now, partition by partition; only those with the key, if any.

        What is part of a transaction that is still open is left out.
        """
        open_partitions = set(range(self.topics(topic)[topic]))
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in open_partitions])
        found: list[Record] = []
        deadline = time.monotonic() + _TIMEOUT
        while open_partitions:
            assert time.monotonic() < deadline, f"{topic} could not be read to its end"
            for message in self._consumer.consume(1000, timeout=0.1):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
        self._consumer.unassign()
        wanted = [record for record in found if key is None or record.key == key.encode()]
        return sorted(wanted, key=lambda record: (record.partition, record.offset))

    def last_value(self, topic: str, key: str) -> dict | None:
        """The newest value of a key in a compacted topic, decoded; None: there is none, or a tombstone."""
        records = self.records(topic, key)
        return records[-1].json if records and records[-1].value is not None else None

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """As if their retention had passed."""
        at = TopicPartition(topic, partition, offset)
        self._admin.delete_records([at], request_timeout=_TIMEOUT)[at].result(_TIMEOUT)

    def produce(self, topic: str, partition: int, key: str, value: bytes) -> None:
        """Writes one record, and returns when Kafka has it."""
        self.produce_all(topic, partition, key, [value], [])

    def produce_all(
        self, topic: str, partition: int, key: str, values: list[bytes], headers: list[tuple[str, str]]
    ) -> None:
        """Writes records in this order, and returns when Kafka has all of them."""
        failures: list[object] = []
        for value in values:
            self._producer.produce(
                topic, value, key, partition, lambda error, _: failures.append(error), headers=headers
            )
        assert self._producer.flush(_TIMEOUT) == 0 and set(failures) == {None}, failures


def _record(message) -> Record:
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.headers() or [],
    )
