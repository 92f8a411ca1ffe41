"""What the W3C Recommendation asks of a hub, one test per item: verification and leases (24, 27 - 34).

The item numbers are those of the list that the project keeps; the sections of the Recommendation are in
the docstrings. Light pings are in test_light_ping*.py.
"""

import pytest

from harness import planted
from harness.behaviours import answer, echo_challenge, first
from harness.settle import subscribe, wait_active, wait_silent
from harness.wait import stays_false, wait_for

DAY = 24 * 3600


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


def test_items_32_34_default_lease_is_ten_days(hub, topic, subscriber):
    """[5.3] SHOULD keep leases short; an empty field of a form is no request for another one."""
    absent, empty = subscriber.endpoint("absent"), subscriber.endpoint("empty")
    hub.subscribe(topic, absent.url).check_accepted(202)
    hub.subscribe(topic, empty.url, extra={"hub.lease_seconds": ""}).check_accepted(202)
    for endpoint in (absent, empty):
        assert endpoint.wait_verified().parameter("hub.lease_seconds") == str(10 * DAY)


@pytest.mark.parametrize("requested", [100 * 365 * DAY, 10**26], ids=["a century", "no 64-bit number"])
def test_items_32_33_no_lease_is_endless(hub, topic, subscriber, requested):
    """[5.3] MAY grant another lease than requested: at most the configured maximum."""
    endpoint = subscriber.endpoint()
    hub.subscribe(topic, endpoint.url, lease_seconds=requested).check_accepted(202)
    assert endpoint.wait_verified().parameter("hub.lease_seconds") == str(30 * DAY)


def test_item_33_lease_end_is_enforced(hub, topic, subscriber):
    """[5.3] Not before it has passed, and not much later."""
    ending, witness = subscriber.endpoint("ending"), subscriber.endpoint("witness")
    subscribe(hub, topic, witness)
    # Long enough for whoever is slow to show that it has begun, and that it goes on for a while.
    subscribe(hub, topic, ending, lease_seconds=10)
    verified_at = ending.wait_verified().at
    wait_silent(hub, topic, ended=ending, witness=witness)
    last_arrival = max(r.at for r in ending.warm_ups())
    assert last_arrival - verified_at >= 5, "ended before its lease"
