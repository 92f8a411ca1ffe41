"""Where a topic's messages lie makes no difference to its subscribers (messages.layout)."""

import pytest

from harness import planted
from harness.behaviours import answer
from harness.metrics import metric
from harness.settle import subscribe, wait_silent
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

# Of each kind when "auto".
DEDICATED_LIMIT = 2

# Kafka topics for messages that 4 WebSub topics are expected to make.
EXPECTED = {"dedicated": 4, "pooled": 0, "auto": DEDICATED_LIMIT}


@pytest.fixture(scope="module", params=EXPECTED.keys())
def laid_out(request, kafka, kafka_view, tmp_path_factory):
    """The running suite, and four topics in it."""
    settings = {
        "WEBSUB_MESSAGES_LAYOUT": request.param,
        "WEBSUB_MESSAGES_DEDICATED_LIMIT": f"{DEDICATED_LIMIT}",
        "WEBSUB_MESSAGES_POOL_PARTITIONS": "1",
        "WEBSUB_DISPATCHER_DETACH_AFTER": "500ms",
    }
    prefix = f"layout-{request.param}-"
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=settings) as suite:
        suite.start()
        topics = register_one_by_one(suite, 4, request.param)
        kafka_topics = kafka_view.topics(f"{prefix}messages-").keys() - {f"{prefix}messages-pool"}
        assert len(kafka_topics) == EXPECTED[request.param], kafka_topics
        yield suite, topics


def register_one_by_one(suite: Suite, count: int, name: str) -> list[str]:
    """The hub decides by the topics that it knows: each is known before the next one comes."""
    topics: list[str] = []
    while len(topics) < count:
        topics.append(register_topic(suite.hub(), name))
        wait_for(
            lambda: metric(suite["hub-0"], "websub_hub_topics") == len(topics),
            f"the hub to know {len(topics)} topics",
        )
    return topics


def publish(suite: Suite, topics: list[str], count: int, name: str) -> dict[str, list[bytes]]:
    """In turn to each topic, so that in a pooled partition their messages alternate."""
    hub, bodies = suite.hub(), {topic: [] for topic in topics}
    for number in range(count):
        for index, topic in enumerate(topics):
            body = planted.payload(f"{name} {index} {number}")
            hub.publish(topic, body).check_accepted()
            bodies[topic].append(body)
    hub.close()
    return bodies


def test_each_subscriber_gets_its_topic_also_after_being_down_and_over_restarts(laid_out, subscriber):
    suite, topics = laid_out
    endpoints = {topic: subscriber.endpoint() for topic in topics}
    for topic, endpoint in endpoints.items():
        subscribe(suite.hub(), topic, endpoint, planted.secret(topic))
    expected = publish(suite, topics, 5, "first")
    for topic, endpoint in endpoints.items():
        endpoint.wait_bodies(expected[topic])

    def go_on(name: str) -> None:
        for topic, bodies in publish(suite, topics, 40, name).items():
            expected[topic] += bodies

    for endpoint in list(endpoints.values())[::2]:
        endpoint.on_delivery = answer(500)
    go_on("half are down")
    suite.terminate("dispatcher-0")
    go_on("nobody delivers")
    suite.start("dispatcher-0")
    for endpoint in endpoints.values():
        endpoint.on_delivery = answer(200)
    for topic, endpoint in endpoints.items():
        endpoint.wait_bodies(expected[topic])
        assert all(d.is_signed_with(planted.secret(topic)) for d in endpoint.deliveries())


def test_what_is_published_while_unsubscribed_is_not_delivered(laid_out, subscriber):
    suite, topics = laid_out
    hub, topic = suite.hub(), topics[-1]
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    subscribe(hub, topic, endpoint)
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified("unsubscribe")
    wait_silent(hub, topic, ended=endpoint, witness=witness)
    between = publish(suite, topics, 5, "between")[topic]
    witness.wait_bodies(between)
    subscribe(hub, topic, endpoint)
    after = publish(suite, topics, 5, "after")[topic]
    witness.wait_bodies(between + after)
    endpoint.wait_bodies(after)
