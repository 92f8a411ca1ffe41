"""What the W3C Recommendation asks of a hub, one test per item, with the item numbers of the list that
the project keeps; the section of the Recommendation is in the docstring. Light pings are not covered."""

import threading
from urllib.parse import quote

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, echo_challenge, first, hold
from harness.hub_client import FORM
from harness.settle import subscribe, wait_active, wait_silent
from harness.topics import new_topic
from harness.wait import stays_false, wait_for

DAY = 24 * 3600


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
    _wait_until_signed_with(hub, topic, endpoint, planted.secret("new"))


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
    endpoint.wait_attempts(count + 1)
    assert endpoint.deliveries()[count].is_signed_with(secret), endpoint.describe()


def _wait_until_signed_with(hub, topic, endpoint, secret: str) -> None:
    def probe() -> bool:
        wait_active(hub, topic, endpoint)
        return endpoint.warm_ups()[-1].is_signed_with(secret)

    wait_for(probe, lambda: f"deliveries signed with the new secret{endpoint.describe()}")


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
    endpoint.wait_verified(timeout=10)


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


# --- Verification of intent [5.3, 8.2] ---


def test_items_24_27_28_verification_carries_what_the_subscriber_checks(hub, topic, subscriber):
    """[5.3] Mode, topic, challenge; the lease on subscribe."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, lease_seconds=1234)
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified("unsubscribe")
    subscribing, unsubscribing = endpoint.verifications()
    for verification in (subscribing, unsubscribing):
        assert verification.method == "GET"
        assert verification.body == b""
        assert verification.parameter("hub.topic") == topic
    assert sorted(dict(subscribing.parameters)) == [
        "hub.challenge", "hub.lease_seconds", "hub.mode", "hub.topic",
    ]  # fmt: skip
    assert subscribing.parameter("hub.lease_seconds") == "1234"


def test_item_29_challenges_are_random_and_used_once(hub, topic, subscriber):
    """[8.2] SHOULD."""
    endpoint = subscriber.endpoint()
    for count in range(1, 6):
        hub.subscribe(topic, endpoint.url).check_accepted(202)
        endpoint.wait_verified(count=count)
    challenges = [v.parameter("hub.challenge") for v in endpoint.verifications()]
    assert len(set(challenges)) == len(challenges)
    assert all(len(challenge) >= 16 for challenge in challenges)


def _wrong_echo(change):
    return lambda received: answer(200, change(received.parameter("hub.challenge").encode()))(received)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(answer(301, headers={"Location": "/elsewhere"}), id="301"),
        pytest.param(answer(307, headers={"Location": "/elsewhere"}), id="307"),
        pytest.param(answer(400), id="400"),
        pytest.param(answer(404), id="404"),
        pytest.param(answer(410), id="410"),
        pytest.param(answer(500), id="500"),
        pytest.param(_wrong_echo(lambda challenge: b""), id="empty body"),
        pytest.param(_wrong_echo(lambda challenge: challenge[:-1]), id="cut challenge"),
        pytest.param(_wrong_echo(lambda challenge: challenge + b"\n"), id="challenge and newline"),
        pytest.param(_wrong_echo(lambda challenge: b"wrong"), id="wrong challenge"),
        pytest.param(_wrong_echo(lambda challenge: challenge * 100_000), id="endless body"),
    ],
)
def test_items_30_31_anything_but_2xx_with_the_challenge_is_not_verified(hub, topic, subscriber, refusal):
    """[5.3] 3xx, 4xx, 5xx, and a 2xx whose body is not exactly the challenge."""
    refusing, witness = subscriber.endpoint("refusing"), subscriber.endpoint("witness")
    refusing.on_verification = refusal
    subscribe(hub, topic, witness)
    hub.subscribe(topic, refusing.url).check_accepted(202)
    wait_for(refusing.verifications, "the verification")
    wait_active(hub, topic, witness)
    hub.publish(topic, planted.payload()).check_accepted()
    witness.wait_bodies([planted.payload()])
    stays_false(lambda: refusing.attempts() + refusing.warm_ups(), "delivered unverified", 0.5)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_item_31_any_2xx_confirms_if_its_body_is_the_challenge(hub, topic, subscriber, status):
    """[5.3] 204 has no body, so it confirms nothing."""
    endpoint, witness = subscriber.endpoint(), subscriber.endpoint("witness")
    endpoint.on_verification = lambda received: answer(
        status, b"" if status == 204 else received.parameter("hub.challenge").encode()
    )(received)
    if status != 204:
        subscribe(hub, topic, endpoint)
        return
    subscribe(hub, topic, witness)
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified()
    wait_active(hub, topic, witness)
    stays_false(endpoint.warm_ups, "delivered unverified", 0.5)


def test_verification_is_tried_again_after_a_5xx(hub, topic, subscriber):
    """[5.3] A subscriber that is restarting just then is not lost: within a minute it is asked again."""
    endpoint = subscriber.endpoint()
    endpoint.on_verification = first(1, answer(503), then=echo_challenge)
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    endpoint.wait_verified(timeout=60)
    wait_active(hub, topic, endpoint)


def test_items_32_34_lease_is_bounded_and_has_a_default(hub, topic, subscriber):
    """[5.3] MAY grant another lease; SHOULD keep leases short: ten days unless configured otherwise."""
    default, endless = subscriber.endpoint("default"), subscriber.endpoint("endless")
    hub.subscribe(topic, default.url).check_accepted(202)
    hub.subscribe(topic, endless.url, lease_seconds=100 * 365 * DAY).check_accepted(202)
    assert default.wait_verified().parameter("hub.lease_seconds") == str(10 * DAY)
    granted = int(endless.wait_verified().parameter("hub.lease_seconds"))
    assert 10 * DAY <= granted < 100 * 365 * DAY


def test_item_33_lease_end_is_enforced(hub, topic, subscriber):
    """[5.3] Not before it has passed, and not much later."""
    ending, witness = subscriber.endpoint("ending"), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    subscribe(hub, topic, ending, lease_seconds=4)
    verified_at = ending.wait_verified().at
    wait_silent(hub, topic, ended=ending, witness=witness)
    last_arrival = max(r.at for r in ending.warm_ups())
    assert last_arrival - verified_at >= 3, "ended before its lease"


# --- Distribution [7, 8.3] ---


def test_items_36_37_38_full_payload_is_posted_to_the_exact_callback(hub, topic, subscriber):
    """[7] POST, the Content-Type of the topic, the full contents."""
    endpoint = subscriber.endpoint(query="a=1")
    subscribe(hub, topic, endpoint)
    body = planted.payload("x" * 10_000)
    content_type = 'application/json; profile="https://example.org/a;b"'
    hub.publish(topic, body, content_type).check_accepted()
    endpoint.wait_bodies([body])
    delivery = endpoint.deliveries()[0]
    assert delivery.method == "POST"
    assert delivery.target == f"{endpoint.path}?a=1"
    assert delivery.header_values("Content-Type") == [content_type]


def test_item_39_one_link_header_names_hub_and_topic(hub, suite, topic, subscriber):
    """[7] At least one rel=hub and one rel=self; SHOULD be one header."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    delivery = endpoint.deliveries()[0]
    assert len(delivery.header_values("Link")) == 1
    assert delivery.links() == {"hub": [suite.public_url], "self": [topic]}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_item_40_2xx_confirms_a_delivery(hub, topic, subscriber, status):
    """[7] Delivered once, and the next message follows."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(status)
    bodies = [planted.payload("one"), planted.payload("two")]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    assert len(endpoint.attempts()) == 2


def test_item_40_410_ends_the_subscription(hub, topic, subscriber):
    """[7] MAY; and only that of this callback."""
    gone, witness = subscriber.endpoint("gone"), subscriber.endpoint("witness")
    for endpoint in (gone, witness):
        subscribe(hub, topic, endpoint)
    gone.on_delivery = answer(410)
    hub.publish(topic, planted.payload("gone")).check_accepted()
    gone.wait_attempts(1)
    gone.on_delivery = answer(200)
    wait_silent(hub, topic, ended=gone, witness=witness)
    assert len(gone.attempts()) == 1


FAILURES = [301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 429, 500, 502, 503]


@pytest.mark.parametrize("status", FAILURES)
def test_items_41_43_anything_else_is_a_failure_and_retried(hub, topic, subscriber, status):
    """[7] 3xx included, which is not followed."""
    endpoint, elsewhere = subscriber.endpoint(), subscriber.endpoint("elsewhere")
    subscribe(hub, topic, endpoint)
    failure = answer(status, headers={"Location": elsewhere.url})
    endpoint.on_delivery = first(2, failure, then=answer(200))
    bodies = [planted.payload("retried"), planted.payload("next")]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    attempts = endpoint.attempts()
    assert [a.body for a in attempts] == [bodies[0]] * 3 + [bodies[1]]
    assert len({a.message_id for a in attempts[:3]}) == 1
    assert elsewhere.requests() == []


def test_item_41_dropped_connection_is_a_failure_and_retried(hub, topic, subscriber):
    """[7] No answer is no confirmation."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = first(2, drop_connection, then=answer(200))
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert len(endpoint.attempts()) >= 3


@pytest.mark.parametrize("body", [b"error: not stored", b"x" * 1_000_000], ids=["text", "1 MB"])
def test_item_42_body_of_the_subscribers_answer_is_ignored(hub, topic, subscriber, body):
    """[7]"""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(200, body)
    bodies = [planted.payload("one"), planted.payload("two")]
    for published in bodies:
        hub.publish(topic, published).check_accepted()
    endpoint.wait_bodies(bodies)


def test_item_44_subscription_outlives_failures(hub, topic, subscriber):
    """[7] Kept until the lease ends, and later updates are delivered, whatever failed before."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(500)
    bodies = [planted.payload(f"{number}") for number in range(3)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_attempts(6)
    assert {attempt.body for attempt in endpoint.attempts()} == {bodies[0]}, "order while failing"
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies(bodies)


# --- Authenticated distribution [7.1] ---


def test_item_45_signature_only_with_a_secret(hub, topic, subscriber):
    """[7.1] method=hexdigest with a secret; no such header without."""
    signed, plain = subscriber.endpoint("signed"), subscriber.endpoint("plain")
    subscribe(hub, topic, signed, planted.secret())
    subscribe(hub, topic, plain)
    hub.publish(topic, planted.payload()).check_accepted()
    signed.wait_bodies([planted.payload()])
    plain.wait_bodies([planted.payload()])
    assert signed.deliveries()[0].is_signed_with(planted.secret())
    assert plain.deliveries()[0].header("X-Hub-Signature") is None


def test_item_46_signature_covers_the_exact_bytes(hub, topic, subscriber):
    """[7.1] Not a decoded, re-encoded or trimmed form of them."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, planted.secret("ключ"))
    body = planted.payload() + b"\r\n\x00\xff\xfe " + quote("ü").encode()
    hub.publish(topic, body, "application/octet-stream").check_accepted()
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret("ключ"))
