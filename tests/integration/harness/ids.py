"""How the suite identifies things on Kafka (common/id.h), computed independently."""

import hashlib


def subscription_id(topic: str, callback: str) -> str:
    return hashlib.sha256(f"{topic}\n{callback}".encode()).hexdigest()[:32]


def partition_of(key: str, partitions: int) -> int:
    """Where records with this key lie."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % partitions


def topic_id(topic: str) -> str:
    return hashlib.sha256(topic.encode()).hexdigest()[:32]
