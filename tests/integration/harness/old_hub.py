"""MOSIP's hub as it lies in Kafka, made up: its lists, its message topics, its consumer groups."""

import base64
import json
import os
import re
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .wait import wait_for

TOPICS = "consolidated-websub-topics"
SUBSCRIPTIONS = "consolidated-websub-subscribers"
KEY = bytes(range(32))

_TIMEOUT = 30.0
# A broker takes one commit after the other from a connection.
_COMMITTERS = 16


def kafka_name(text: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "_", text)


def cipher(secret: str, key: bytes = KEY) -> str:
    """As its hub encrypts: AES-GCM with an IV of 16 bytes, which comes last."""
    iv = os.urandom(16)
    sealed = AESGCM(key).encrypt(iv, secret.encode(), None)
    return "cipher{" + base64.b64encode(sealed + iv).decode() + "}"


@dataclass
class Subscription:
    topic: str
    callback: str
    secret: str | None = None  # as stored
    committed: dict[int, int] = field(default_factory=dict)  # by partition
    lease: str | None = None
    group: str | None = None

    def record(self) -> dict:
        record = {
            "hub": "https://old.example/hub",
            "hubMode": "subscribe",
            "hubTopic": self.topic,
            "hubCallback": self.callback,
            "hubLeaseSeconds": self.lease,
            "hubSecret": self.secret,
            "verificationSuccess": True,
        }
        return record | ({"consumerGroup": self.group} if self.group else {})


class OldHub:
    """The lists are of the last `write_lists`; a broker has one old hub at a time."""

    def __init__(self, client: dict[str, str]):
        """client: KafkaBroker.client."""
        self._client = client
        self._admin = AdminClient(client)
        settings = {"linger.ms": 5, "message.max.bytes": 20_000_000, "enable.idempotence": True}
        self._producer = Producer(client | settings)
        self.topics: list[str] = []
        self.subscriptions: list[Subscription] = []

    def forget(self) -> None:
        """Nobody is registered; what lies in Kafka stays."""
        self.topics, self.subscriptions = [], []

    def add_topics(self, *topics: str, partitions: int = 1, listed: bool = True) -> None:
        """Registers them, and makes the Kafka topics of their messages."""
        names = dict.fromkeys(kafka_name(topic) for topic in topics)
        self._create({name: partitions for name in names})
        self.topics += topics if listed else ()

    def publish(
        self, topic: str, bodies: Iterable[bytes], partition: int = 0, at_ms: int | None = None
    ) -> None:
        """`at_ms`: the time of the first; each is a millisecond later."""
        first = at_ms or int(time.time() * 1000)
        for number, body in enumerate(bodies):
            self._producer.produce(kafka_name(topic), body, partition=partition, timestamp=first + number)

    def subscribe(self, topic: str, callback: str, **details: object) -> Subscription:
        group = kafka_name(f"{topic}:::{callback}:::[{len(self.subscriptions)},0.5]")
        subscription = Subscription(topic, callback, **({"group": group} | details))
        self.subscriptions.append(subscription)
        return subscription

    def write_lists(self) -> None:
        """What the consolidator writes at each change, and all messages and offsets before it."""
        self._create({TOPICS: 1, SUBSCRIPTIONS: 1})
        topics = [{"topic": topic, "hubMode": "register"} for topic in self.topics]
        self._producer.produce(TOPICS, json.dumps(topics).encode())
        records = [subscription.record() for subscription in self.subscriptions]
        self._producer.produce(SUBSCRIPTIONS, json.dumps(records).encode())
        assert self._producer.flush(_TIMEOUT) == 0
        self._commit()

    def connect(self, subscription: Subscription) -> Consumer:
        """A consumer of its group, as long as the hub runs; the caller closes it."""
        consumer = Consumer(self._client | {"group.id": subscription.group, "enable.auto.commit": False})
        assigned: list[object] = []
        consumer.subscribe(
            [kafka_name(subscription.topic)], on_assign=lambda _, partitions: assigned.append(partitions)
        )
        deadline = time.monotonic() + _TIMEOUT
        while not assigned:
            assert time.monotonic() < deadline, "the group did not take the consumer"
            consumer.poll(0.1)
        return consumer

    def _create(self, topics: dict[str, int]) -> None:
        existing = self._admin.list_topics(timeout=_TIMEOUT).topics
        settings = {"max.message.bytes": "20000000"}
        new = [
            NewTopic(name, partitions, 1, config=settings)
            for name, partitions in topics.items()
            if name not in existing
        ]
        for future in self._admin.create_topics(new).values() if new else ():
            future.result(_TIMEOUT)

    def _commit(self) -> None:
        admins = [AdminClient(self._client) for _ in range(_COMMITTERS)]
        left = [subscription for subscription in self.subscriptions if subscription.committed]

        def commit() -> bool:
            """A broker that has just started refuses some at first."""
            nonlocal left
            futures = [_commit_one(admins[i % _COMMITTERS], one) for i, one in enumerate(left)]
            left = [one for one, future in zip(left, futures) if not _is_committed(future)]
            return not left

        wait_for(commit, lambda: f"the commits of {left[:3]}", pause=0.2)


def _commit_one(admin: AdminClient, subscription: Subscription) -> Future:
    name = kafka_name(subscription.topic)
    at = [TopicPartition(name, *place) for place in subscription.committed.items()]
    group = subscription.group or kafka_name(f"{subscription.topic}:::{subscription.callback}")
    request = [ConsumerGroupTopicPartitions(group, at)]
    return admin.alter_consumer_group_offsets(request)[group]


def _is_committed(future: Future) -> bool:
    return not any(place.error for place in future.result(_TIMEOUT).topic_partitions)
