"""What lies on Kafka, seen with an independent client."""

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

_TIMEOUT = 20.0


class KafkaView:
    def __init__(self, bootstrap: str):
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        # A group id is required by the client but never used: nothing is subscribed or committed.
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})

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
