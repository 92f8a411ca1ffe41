"""Topics: registered once or twice, on any replica, on first use; never mixed, in either message layout."""

import random
import string

import pytest

from harness import planted
from harness.behaviours import answer
from harness.settle import subscribe, wait_active
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import stays_false, wait_for


@pytest.fixture(scope="module", params=["dedicated", "pooled"])
def layout_suite(kafka, tmp_path_factory, request):
    """A suite with few pool partitions, so that topics do share them."""
    settings = {
        "WEBSUB_MESSAGES_LAYOUT": request.param,
        "WEBSUB_MESSAGES_POOL_PARTITIONS": "2",
        "WEBSUB_HUB_AUTO_REGISTER": "true",
    }
    prefix = f"topics-{request.param}-"
    directory = tmp_path_factory.mktemp(prefix)
    with Suite(kafka.bootstrap, directory, prefix, hubs=2, settings=settings) as suite:
        yield suite.start()


ALIKE = [
    "http://x/a/b",
    "http://x/a_b",
    "http://x/a-b",
    "http://x/a.b",
    "http://x/a b",
    "http://x/A/b",
    "http://x/a/b/",
    "http://x/a//b",
    "http://x/a/b?",
    "https://x/a/b",
    "http://x:80/a/b",
    "http://x/ä/b",
    "http://x/" + "long" * 200 + "1",
    "http://x/" + "long" * 200 + "2",
    "x/a/b",
]


def test_topics_with_alike_names_never_mix(layout_suite, subscriber):
    """Names that any sanitising makes equal, and names that any cutting makes equal."""
    hub = layout_suite.hub()
    endpoints = {topic: subscriber.endpoint() for topic in ALIKE}
    for topic, endpoint in endpoints.items():
        hub.subscribe(topic, endpoint.url).check_accepted(202)
    for topic, endpoint in endpoints.items():
        endpoint.wait_verified()
        wait_active(hub, topic, endpoint)
    for number in range(3):
        for topic in ALIKE:
            hub.publish(topic, planted.payload(f"{topic} {number}")).check_accepted()
    for topic, endpoint in endpoints.items():
        endpoint.wait_bodies([planted.payload(f"{topic} {number}") for number in range(3)])


def test_messages_lie_where_the_layout_says(layout_suite, kafka_view):
    """Dedicated: a Kafka topic for each, with one partition; pooled: one Kafka topic for all."""
    hub = layout_suite.hub()
    topics = [new_topic("layout") for _ in range(5)]
    before = set(kafka_view.topics(f"{layout_suite.prefix}messages-"))
    for topic in topics:
        hub.register(topic).check_accepted()
        hub.publish(topic, planted.payload()).check_accepted()
    added = set(kafka_view.topics(f"{layout_suite.prefix}messages-")) - before
    if layout_suite.settings["WEBSUB_MESSAGES_LAYOUT"] == "dedicated":
        assert len(added) == len(topics)
        assert all(kafka_view.topics(name) == {name: 1} for name in added)
    else:
        assert added == set()
        assert kafka_view.topics(f"{layout_suite.prefix}messages-") == {
            f"{layout_suite.prefix}messages-pool": 2
        }


def test_kafka_topics_have_the_configured_settings(layout_suite, kafka_view):
    """State is compacted, events are not, and both have as many partitions as configured. Reports are
    compacted and forgotten, too."""
    prefix = layout_suite.prefix
    partitions = kafka_view.topics(prefix)
    assert partitions[f"{prefix}state"] == partitions[f"{prefix}events"] == 8
    assert kafka_view.setting(f"{prefix}state", "cleanup.policy") == "compact"
    assert kafka_view.setting(f"{prefix}events", "cleanup.policy") == "delete"
    assert partitions[f"{prefix}status"] == partitions[f"{prefix}attempts"] == 8
    assert kafka_view.setting(f"{prefix}status", "cleanup.policy") == "compact,delete"
    assert kafka_view.setting(f"{prefix}status", "retention.ms") == str(7 * 24 * 3600 * 1000)


def test_unknown_topic_is_registered_on_first_publish(layout_suite, subscriber):
    """hub.auto_register"""
    topic, endpoint, hub = new_topic(), subscriber.endpoint(), layout_suite.hub()
    hub.publish(topic, planted.payload("to nobody")).check_accepted()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])


def test_unknown_topic_is_registered_on_first_subscription(layout_suite, subscriber):
    """hub.auto_register"""
    topic, endpoint, hub = new_topic(), subscriber.endpoint(), layout_suite.hub()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])


def test_topic_used_first_at_both_replicas_at_once_is_one_topic(layout_suite, subscriber):
    """hub.auto_register, with a race."""
    hubs = [layout_suite.hub(0), layout_suite.hub(1)]
    for _ in range(10):
        topic, endpoint = new_topic("race"), subscriber.endpoint()
        hubs[0].subscribe(topic, endpoint.url).check_accepted(202)
        hubs[1].publish(topic, planted.payload("race")).check_accepted()
        endpoint.wait_verified()
        wait_active(hubs[1], topic, endpoint)
        wait_active(hubs[0], topic, endpoint)


def test_registering_twice_is_accepted_twice(hub):
    topic = new_topic()
    hub.register(topic).check_accepted()
    hub.register(topic).check_accepted()


def test_unregister_is_another_word_for_deregister(hub):
    topic = new_topic()
    hub.register(topic).check_accepted()
    hub.control({"hub.mode": "unregister", "hub.topic": topic}).check_accepted()
    hub.publish(topic, planted.payload()).check_denied(404)


def test_parameters_of_a_control_request_may_lie_in_the_query(hub):
    """In the form, in the query, or both."""
    topic = new_topic("query")
    hub.request("POST", f"/hub?hub.mode=register&hub.topic={topic}").check_accepted()
    hub.publish(topic, planted.payload()).check_accepted()
    form = f"hub.topic={topic}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    hub.request("POST", "/hub?hub.mode=deregister", form, headers).check_accepted()
    hub.publish(topic, planted.payload()).check_denied(404)


def test_registration_at_one_replica_holds_at_once_at_another(suite):
    """Publish right after register, where the other hub's view has yet to catch up."""
    first, second = suite.hub(0), suite.hub(1)
    for _ in range(30):
        topic = new_topic()
        first.register(topic).check_accepted()
        second.publish(topic, planted.payload()).check_accepted()


def test_subscription_right_after_registration_at_another_replica(suite, subscriber):
    first, second = suite.hub(0), suite.hub(1)
    for _ in range(10):
        topic, endpoint = new_topic(), subscriber.endpoint()
        first.register(topic).check_accepted()
        second.subscribe(topic, endpoint.url).check_accepted(202)
        endpoint.wait_verified()


def test_deregistering_ends_the_subscriptions_with_a_denial(hub, subscriber, topic):
    endpoints = [subscriber.endpoint() for _ in range(3)]
    for endpoint in endpoints:
        subscribe(hub, topic, endpoint)
    hub.deregister(topic).check_accepted()
    for endpoint in endpoints:
        endpoint.wait_denied()
    hub.publish(topic, planted.payload()).check_denied(404)
    hub.deregister(topic).check_denied(404)


def test_deregistering_and_registering_again_brings_no_subscription_back(hub, subscriber, topic):
    old, new = subscriber.endpoint("old"), subscriber.endpoint("new")
    subscribe(hub, topic, old)
    hub.publish(topic, planted.payload("before")).check_accepted()
    old.wait_bodies([planted.payload("before")])
    hub.deregister(topic).check_accepted()
    old.wait_denied()
    warm_ups = len(old.warm_ups())
    hub.register(topic).check_accepted()
    subscribe(hub, topic, new)
    hub.publish(topic, planted.payload("after")).check_accepted()
    new.wait_bodies([planted.payload("after")])
    stays_false(lambda: old.bodies()[1:] or old.warm_ups()[warm_ups:], "delivered to an ended one", 0.5)


def test_denial_that_fails_at_first_is_tried_again(hub, subscriber, topic):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_denial = answer(503)
    hub.deregister(topic).check_accepted()
    endpoint.wait_denied()
    endpoint.on_denial = answer(200)
    wait_for(lambda: any(d.succeeded for d in endpoint.denials()), "the denial tried again", timeout=60)


def test_random_names_give_as_many_kafka_topics(kafka, kafka_view, tmp_path):
    """A black-box sample of what the unit tests check with 5,000 names."""
    alphabet = string.ascii_letters[:4] + "/_-.:~ é"
    chosen = random.Random(7)
    topics = {"".join(chosen.choices(alphabet, k=6)) + "x" for _ in range(60)}
    settings = {"WEBSUB_MESSAGES_LAYOUT": "dedicated"}
    with Suite(kafka.bootstrap, tmp_path, "names-", settings=settings) as suite:
        hub = suite.start().hub()
        for topic in topics:
            hub.register(topic).check_accepted()
            hub.publish(topic, planted.payload()).check_accepted()
        counts = [count for count in kafka_view.record_counts("names-messages-").values() if count]
        assert counts == [1] * len(topics)
