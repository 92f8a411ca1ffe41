"""Secrets and payloads never show up in a log, at the most talkative level, whatever goes wrong.

Every test checks the logs of its programs for the mark that all planted values carry (conftest.py);
here are the cases that are most likely to log what they should not.
"""

from harness import planted
from harness.behaviours import answer
from harness.hub_client import FORM, send_raw
from harness.planted import MARK
from harness.settle import subscribe
from harness.wait import wait_for

SECRET = planted.secret()
PAYLOAD = planted.payload()


def check_logs(suite) -> None:
    """The check itself must see lines that were written after the values were sent."""
    for program in suite.programs.values():
        assert program.log(), f"{program.name} logs nothing at all"
    problems = suite.new_problems()
    assert not problems, "\n".join(problems)


def test_secret_of_a_refused_subscription_is_not_logged(suite, hub, topic, subscriber):
    callback = subscriber.endpoint().url
    hub.subscribe(topic, callback, SECRET * 20).check_denied(400)
    hub.subscribe("unknown", callback, SECRET).check_denied(404)
    hub.subscribe(topic, "ftp://callback", SECRET).check_denied(400)
    hub.control([("hub.mode", "subscribe"), ("hub.secret", SECRET), ("hub.secret", SECRET)]).check_denied(400)
    hub.control({"hub.mode": SECRET, "hub.topic": topic}).check_denied(400)
    hub.control({"hub.secret": SECRET}, content_type="application/json").check_denied(415)
    broken_form = b"hub.mode=%zz"
    hub.request("POST", f"/hub?hub.secret={SECRET}", broken_form, {"Content-Type": FORM}).check_denied(400)
    check_logs(suite)


def test_refusal_does_not_repeat_the_secret(hub, topic):
    refused = hub.subscribe(topic, "ftp://callback", SECRET).check_denied(400)
    assert MARK.encode() not in refused.body


def test_secret_of_a_failed_verification_is_not_logged(suite, hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    endpoint.on_verification = answer(404, body=PAYLOAD)
    hub.subscribe(topic, endpoint.url, SECRET).check_accepted(202)
    wait_for(endpoint.verifications, "the verification")
    hub.subscribe(topic, "http://127.0.0.1:9/refused", SECRET).check_accepted(202)
    check_logs(suite)


def test_payload_of_a_failed_delivery_is_not_logged(suite, hub, topic, subscriber):
    """Nor what the subscriber answers, which may repeat it."""
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint, SECRET)
    endpoint.on_delivery = answer(500, body=PAYLOAD)
    hub.publish(topic, PAYLOAD).check_accepted()
    endpoint.wait_attempts(3)
    endpoint.on_delivery = answer(200)
    endpoint.wait_bodies([PAYLOAD])
    check_logs(suite)


def test_payload_of_a_refused_publish_is_not_logged(suite, hub, topic):
    hub.publish("unknown", PAYLOAD).check_denied(404)
    hub.publish(topic, PAYLOAD.ljust(2_000_000)).check_denied(413)
    hub.request("POST", "/hub?hub.mode=publish", PAYLOAD, {"Content-Type": "text/plain"}).check_denied(400)
    hub.request("POST", "/elsewhere", PAYLOAD, {"Content-Type": "text/plain"})
    send_raw(suite["hub-0"].port, b"POST /hub HTTP/1.1\r\nContent-Length: x\r\n\r\n" + PAYLOAD)
    check_logs(suite)


def test_authorization_of_a_request_is_not_logged(suite, hub, topic):
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET}
    hub.publish(topic, PAYLOAD, headers=headers).check_accepted()
    hub.publish("unknown", PAYLOAD, headers=headers).check_denied(404)
    check_logs(suite)
