"""What the W3C Recommendation asks of a hub, one test per item: requests, answers, denials (1 - 26).

The item numbers are those of the list that the project keeps; the sections of the Recommendation are in
the docstrings. Light pings are in test_light_ping*.py.
"""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, echo_challenge, hold
from harness.hub_client import FORM
from harness.settle import subscribe, wait_active, wait_signed_with, wait_silent
from harness.topics import new_topic
from harness.wait import wait_for

# --- Subscription requests [3.1, 5.1] ---


def test_item_01_form_urlencoded_post_is_accepted(hub, topic, subscriber):
    """[5.1] Parameters in a form-encoded UTF-8 body, with and without a charset."""
    for content_type in (FORM, f"{FORM}; charset=UTF-8", f"{FORM};charset=utf-8"):
        endpoint = subscriber.endpoint()
        fields = {"hub.callback": endpoint.url, "hub.mode": "subscribe", "hub.topic": topic}
        hub.control(fields, content_type).check_accepted(202)
        endpoint.wait_verified()


def test_item_01_non_ascii_utf8_topics_are_kept_as_they_are(hub, subscriber):
    """[5.1] UTF-8 in a parameter comes back in verification and distribution."""
    topic = new_topic("größe-日本")
    endpoint = subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    assert endpoint.wait_verified().parameter("hub.topic") == topic


def test_item_02_secret_of_199_bytes_is_used(hub, topic, subscriber):
    """[5.1] Less than 200 bytes."""
    secret = planted.secret().ljust(199, "s")
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, secret)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert endpoint.deliveries()[0].is_signed_with(secret)


@pytest.mark.parametrize("secret", ["s" * 200, "ß" * 100], ids=["ASCII", "UTF-8"])
def test_item_02_secret_of_200_bytes_is_refused(hub, topic, subscriber, secret):
    """[5.1] Bytes count, not characters."""
    assert len(secret.encode()) == 200
    hub.subscribe(topic, subscriber.endpoint().url, secret).check_denied(400)


def test_item_03_requested_lease_is_honoured(hub, topic, subscriber):
    """[5.1] MAY."""
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url, lease_seconds=3600).check_accepted(202)
    assert endpoint.wait_verified().parameter("hub.lease_seconds") == "3600"


def test_item_04_lease_seconds_of_an_unsubscription_is_ignored(hub, topic, subscriber):
    """[5.1] MUST be ignored, so even nonsense is no reason to refuse."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    hub.unsubscribe(topic, endpoint.url, {"hub.lease_seconds": "soon"}).check_accepted(202)
    verification = endpoint.wait_verified("unsubscribe")
    assert "hub.lease_seconds" not in dict(verification.parameters)


def test_item_05_unsubscribing_ends_the_deliveries(hub, topic, subscriber):
    """[5.1] Only after the subscriber has confirmed it."""
    leaving, staying = subscriber.endpoint("leaving"), subscriber.endpoint("staying")
    for endpoint in (leaving, staying):
        subscribe(hub, topic, endpoint)
    leaving.on_verification = answer(404)
    hub.unsubscribe(topic, leaving.url).check_accepted(202)
    wait_for(lambda: leaving.verifications("unsubscribe"), "the refused verification")
    wait_active(hub, topic, leaving)

    leaving.on_verification = echo_challenge
    hub.unsubscribe(topic, leaving.url).check_accepted(202)
    leaving.wait_verified("unsubscribe")
    wait_silent(hub, topic, ended=leaving, witness=staying)


def test_item_06_unknown_parameters_are_ignored(hub, topic, subscriber):
    """[5.1] As websub.rocks checks with foo and hub.foo."""
    endpoint = subscriber.endpoint()
    extra = {"foo": "bar", "hub.foo": "baz"}
    hub.subscribe(topic, endpoint.url, extra=extra).check_accepted(202)
    parameters = dict(endpoint.wait_verified().parameters)
    assert "foo" not in parameters and "hub.foo" not in parameters
    hub.unsubscribe(topic, endpoint.url, extra).check_accepted(202)
    endpoint.wait_verified("unsubscribe")


def test_item_07_subscribing_twice_is_one_subscription(hub, topic, subscriber):
    """[5.1] A new request while active is a renewal: exactly one notification afterwards."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    subscribe(hub, topic, endpoint)
    bodies = [planted.payload("once"), planted.payload("and then")]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)


def test_item_08_renewal_counts_only_once_it_is_verified(hub, topic, subscriber):
    """[5.1] The old secret stays in force while the subscriber has not answered."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret("old"))
    release = threading.Event()
    endpoint.on_verification = hold(release, then=echo_challenge)
    hub.subscribe(topic, endpoint.url, planted.secret("new")).check_accepted(202)
    wait_for(lambda: len(endpoint.verifications()) == 2, "the second verification")
    _publish_and_check_secret(hub, topic, endpoint, planted.secret("old"))
    release.set()
    wait_signed_with(hub, topic, endpoint, planted.secret("new"))


def test_item_08_state_is_per_topic_and_callback(hub, topic, subscriber):
    """[5.1] Another callback, or another topic with the same callback, is another subscription."""
    other_topic = new_topic("other")
    hub.register(other_topic).check_accepted()
    one, two = subscriber.endpoint("one"), subscriber.endpoint("two")
    subscribe(hub, topic, one, planted.secret("one"))
    subscribe(hub, topic, two, planted.secret("two"))
    subscribe(hub, other_topic, one, planted.secret("other"))
    hub.publish(topic, planted.payload("topic")).check_accepted()
    two.wait_bodies([planted.payload("topic")])
    one.wait_bodies([planted.payload("topic")])
    hub.publish(other_topic, planted.payload("other")).check_accepted()
    one.wait_bodies([planted.payload("topic"), planted.payload("other")])
    assert [d.is_signed_with(planted.secret("one")) for d in one.deliveries()] == [True, False]
    assert one.deliveries()[1].is_signed_with(planted.secret("other"))
    assert two.deliveries()[0].is_signed_with(planted.secret("two"))


def test_item_09_failed_renewal_leaves_the_subscription_as_it_was(hub, topic, subscriber):
    """[5.1] Old secret included."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret("old"))
    endpoint.on_verification = answer(404)
    hub.subscribe(topic, endpoint.url, planted.secret("new"), lease_seconds=1).check_accepted(202)
    wait_for(lambda: len(endpoint.verifications()) == 2, "the second verification")
    for _ in range(3):
        _publish_and_check_secret(hub, topic, endpoint, planted.secret("old"))


def _publish_and_check_secret(hub, topic, endpoint, secret: str) -> None:
    count = len(endpoint.deliveries())
    hub.publish(topic, planted.payload(f"{count}")).check_accepted()
    assert endpoint.wait_deliveries(count + 1)[count].is_signed_with(secret), endpoint.describe()


# --- URLs [5.1.1] ---


def test_item_11_https_callbacks_are_legal(hub, topic, subscriber):
    """[5.1.1] Whether the endpoint then speaks TLS is found out by the verification."""
    url = subscriber.endpoint().url.replace("http://", "https://")
    hub.subscribe(topic, url).check_accepted(202)


def test_item_13_percent_encoded_unreserved_characters_are_decoded(hub, subscriber):
    """[5.1.1] RFC 3986 section 2.3: %7E and ~ are the same; 2.2: %2F and / are not."""
    topic = new_topic("~user")
    encoded = topic.replace("~", "%7E")
    endpoint = subscriber.endpoint("~callback")
    hub.register(encoded).check_accepted()
    subscribe(hub, topic, endpoint)
    hub.subscribe(encoded, endpoint.url.replace("~", "%7e")).check_accepted(202)
    endpoint.wait_verified(count=2)
    bodies = [planted.payload("plain"), planted.payload("encoded")]
    hub.publish(topic, bodies[0]).check_accepted()
    hub.publish(encoded, bodies[1]).check_accepted()
    endpoint.wait_bodies(bodies)
    parent, _, name = topic.rpartition("/")
    hub.publish(f"{parent}%2F{name}", planted.payload()).check_denied(404)


def test_item_14_callback_keeps_its_own_query(hub, topic, subscriber):
    """[5.1.1] Appended with &, same-named parameters are never overwritten."""
    query = "token=a%2Fb&hub.mode=mine&hub.topic=&flag&hub.challenge=mine"
    endpoint = subscriber.endpoint(query=query)
    subscribe(hub, topic, endpoint)
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified("unsubscribe")
    for verification in endpoint.verifications():
        assert verification.query.startswith(f"{query}&hub."), verification
        for name in ("hub.mode", "hub.topic", "hub.challenge"):
            assert [key for key, _ in verification.parameters].count(name) == 2, verification


def test_item_15_distribution_keeps_the_query_in_the_url(hub, topic, subscriber):
    """[5.1.1] And never moves it into the body."""
    endpoint = subscriber.endpoint(query="token=a%2Fb&flag")
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert endpoint.deliveries()[0].target == f"{endpoint.path}?token=a%2Fb&flag"


# --- Answers [5.1.2] ---


def test_item_16_accepted_requests_are_answered_202(hub, topic, subscriber):
    """[5.1.2]"""
    endpoint = subscriber.endpoint()
    assert hub.subscribe(topic, endpoint.url).status == 202
    assert hub.unsubscribe(topic, endpoint.url).status == 202


def test_item_17_verification_follows_promptly(hub, topic, subscriber):
    """[5.1.2] SHOULD; the bound is generous, for slow machines."""
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified()


def test_items_18_19_errors_are_4xx_and_explained_in_text(hub, topic):
    """[5.1.2] 4xx or 5xx, SHOULD explain in plain text."""
    refused = hub.subscribe(topic, "not a URL").check_denied(400)
    assert "callback" in refused.reason


def test_item_21_answer_does_not_depend_on_the_verification(hub, topic, subscriber):
    """[5.1.2] 202 while the callback is still silent, refuses, or does not exist."""
    silent, refusing = subscriber.endpoint("silent"), subscriber.endpoint("refusing")
    release = threading.Event()
    silent.on_verification = hold(release, then=answer(404))
    refusing.on_verification = answer(404)
    hub.subscribe(topic, silent.url).check_accepted(202)
    hub.subscribe(topic, refusing.url).check_accepted(202)
    hub.subscribe(topic, "http://127.0.0.1:9/nobody-listens").check_accepted(202)
    wait_for(silent.verifications, "the verification that is not answered")
    release.set()


# --- Validation [5.2] ---


def test_items_25_26_denial_tells_mode_topic_and_reason(hub, topic, subscriber):
    """[5.2] A subscription may be denied at any later time, here because its topic has gone."""
    endpoint = subscriber.endpoint(query="own=1")
    subscribe(hub, topic, endpoint)
    hub.deregister(topic).check_accepted()
    denial = endpoint.wait_denied()
    assert denial.method == "GET"
    assert denial.query.startswith("own=1&hub."), denial
    assert denial.parameter("hub.topic") == topic
    assert denial.parameter("hub.reason")
    assert "hub.challenge" not in dict(denial.parameters)
