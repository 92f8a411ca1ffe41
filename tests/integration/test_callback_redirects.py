"""Where an answer points to is never called: neither elsewhere nor here, allowed or not."""

import pytest

from harness import planted
from harness.attempts import Attempts
from harness.behaviours import Behaviour, Reply, answer, first
from harness.settle import subscribe
from harness.trap import Trap

STATUSES = [300, 301, 302, 303, 305, 307, 308]


@pytest.fixture
def trap():
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def shared_attempts(kafka_view):
    return Attempts(kafka_view, "shared-attempts")


# 127.0.0.1 is allowed in the shared suite, ::1 is not.
@pytest.fixture(params=["127.0.0.1", "[::1]"])
def elsewhere(request, trap) -> str:
    return f"http://{request.param}:{trap.port}/elsewhere"


def redirect(status: int, target: str) -> Behaviour:
    headers = {"Location": target, "Refresh": f"0; url={target}", "Content-Location": target}
    return answer(status, b"", headers | {"Link": f'<{target}>; rel="canonical"'})


@pytest.mark.parametrize("status", STATUSES)
def test_redirected_verification_is_refused(hub, topic, subscriber, shared_attempts, trap, elsewhere, status):
    endpoint = subscriber.endpoint()
    endpoint.on_verification = redirect(status, elsewhere)
    hub.subscribe(topic, endpoint.url).check_accepted(202)
    assert shared_attempts.wait_reason(endpoint.url) == "status_3xx"
    assert len(endpoint.verifications()) == 1
    assert trap.callers == []


@pytest.mark.parametrize("status", STATUSES)
def test_redirected_delivery_is_a_failure(hub, topic, subscriber, shared_attempts, trap, elsewhere, status):
    endpoint = subscriber.endpoint()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = first(2, redirect(status, elsewhere), answer(200))
    body = planted.payload()
    hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies([body])
    assert [attempt.status for attempt in endpoint.attempts()] == [status, status, 200]
    assert trap.callers == []


def test_redirected_denial_is_not_followed(hub, topic, subscriber, shared_attempts, trap, elsewhere):
    endpoint = subscriber.endpoint()
    endpoint.on_denial = redirect(307, elsewhere)
    subscribe(hub, topic, endpoint)
    hub.deregister(topic).check_accepted()
    assert shared_attempts.wait_reason(endpoint.url) == "status_3xx"
    assert trap.callers == []


def test_what_a_confirmation_points_to_is_not_called(hub, topic, subscriber, trap, elsewhere):
    """Also with a status of success: Refresh, Link, Content-Location, Alt-Svc."""
    endpoint = subscriber.endpoint()
    confirm, pointers = endpoint.on_verification, redirect(200, elsewhere)
    alternative = {"Alt-Svc": f'http/1.1="127.0.0.1:{trap.port}"; ma=3600'}

    def confirmed(received) -> Reply:
        reply = pointers(received)
        return Reply(200, confirm(received).body, reply.headers | alternative)

    endpoint.on_verification = confirmed
    endpoint.on_delivery = answer(200, b"", pointers(None).headers | alternative | {"Connection": "close"})
    subscribe(hub, topic, endpoint)
    bodies = [planted.payload(str(i)) for i in range(3)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    assert trap.callers == []
