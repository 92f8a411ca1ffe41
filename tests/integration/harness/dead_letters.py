"""Dead letters, as they lie on Kafka."""

from .ids import subscription_id
from .kafka_view import KafkaView, Record
from .suite import Suite


def letters_of(view: KafkaView, suite: Suite, topic: str, callback: str) -> list[Record]:
    """Those of one subscription, in the order in which they were written."""
    return view.records(f"{suite.prefix}dead-letters", subscription_id(topic, callback))
