"""auth.mode "introspection": which tokens are good is what the provider says, and only that."""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, hold
from harness.providers import (
    HOUR,
    TROUBLE,
    Clients,
    Introspection,
    bearer,
    check_missing,
    check_unauthorized,
    check_unavailable,
    cookie,
    new_token,
)
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.wait import wait_for

ISSUER, AUDIENCE = "https://id.example", "the-hub"
GUARDED = "guarded/topic"


@pytest.fixture(scope="module")
def server():
    """The provider; it claims a good issuer and audience unless told otherwise."""
    server = Introspection()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def introspecting(kafka, server, tmp_path_factory):
    """hub-0 remembers for long, and waits longer for the provider than its clients for it; hub-1 forgets
    quickly, and soon gives up."""
    settings = {
        "WEBSUB_AUTH_MODE": "introspection",
        "WEBSUB_AUTH_INTROSPECTION_URL": server.url("/introspect"),
        "WEBSUB_AUTH_INTROSPECTION_CLIENT_ID": Introspection.CLIENT_ID,
        "WEBSUB_AUTH_INTROSPECTION_CLIENT_SECRET": Introspection.CLIENT_SECRET,
        "WEBSUB_AUTH_ISSUER": ISSUER,
        "WEBSUB_AUTH_AUDIENCE": AUDIENCE,
        "WEBSUB_AUTH_LEEWAY": "0",
        "WEBSUB_AUTH_CACHE_TIME": "1h",
        "WEBSUB_AUTH_PROVIDER_TIMEOUT": "60s",
        "WEBSUB_AUTH_RULES": f"* http://publisher.example/* any; * {GUARDED} role:writer",
    }
    directory = tmp_path_factory.mktemp("introspection")
    with Suite(
        kafka.bootstrap, directory, "introspection-", hubs=2, dispatchers=0, settings=settings
    ) as suite:
        suite["hub-1"].env["WEBSUB_AUTH_CACHE_TIME"] = "300ms"
        suite["hub-1"].env["WEBSUB_AUTH_PROVIDER_TIMEOUT"] = "3s"
        yield suite.start()


@pytest.fixture
def provider(server):
    yield server
    server.recover()


@pytest.fixture
def client(introspecting):
    clients = Clients(introspecting)
    yield clients
    clients.close()


@pytest.fixture
def forgetful(introspecting):
    clients = Clients(introspecting, 1)
    yield clients
    clients.close()


def issue(provider: Introspection, **claims: object) -> str:
    return provider.issue(**({"iss": ISSUER, "aud": AUDIENCE} | claims))


def soon() -> int:
    return int(time.time()) + HOUR


def long_ago() -> int:
    return int(time.time()) - HOUR


GOOD = {
    "as usual": lambda: {},
    "without exp": lambda: {"exp": None},
    "with nbf": lambda: {"nbf": long_ago()},
    "one audience of several": lambda: {"aud": ["other", AUDIENCE]},
    "exp with a fraction": lambda: {"exp": soon() + 0.5},
}

BAD = {
    "expired": (lambda: {"exp": long_ago()}, "the token has expired"),
    "not yet valid": (lambda: {"nbf": soon()}, "the token is not valid yet"),
    "exp is no number": (lambda: {"exp": str(soon())}, "the token's end (exp) is no time"),
    "wrong issuer": (lambda: {"iss": "https://other.example"}, "the token is not from the issuer"),
    "no issuer": (lambda: {"iss": None}, "the token is not from the issuer"),
    "wrong audience": (lambda: {"aud": "other"}, "the token is for another audience"),
    "wrong audiences": (lambda: {"aud": ["other", "the-hubs"]}, "the token is for another audience"),
    "no audience": (lambda: {"aud": None}, "the token is for another audience"),
    "inactive": (lambda: {"active": False}, "the token is not active"),
    "no user": (lambda: {"sub": None}, "the token has no claim with the name of its user"),
    "user is no text": (lambda: {"sub": 5}, "the token has no claim with the name of its user"),
    "user with a control character": (
        lambda: {"sub": "ann\n"},
        "the token's user has a name that cannot be used",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_token(client, provider, name):
    client(bearer(issue(provider, **GOOD[name]()))).register(new_topic()).check_accepted()


@pytest.mark.parametrize("name", BAD)
def test_bad_token(client, provider, name):
    claims, reason = BAD[name]
    refused = client(bearer(issue(provider, **claims()))).register(new_topic())
    check_unauthorized(refused, reason)


def test_unknown_token(client, provider):
    check_unauthorized(client(bearer(new_token())).register(new_topic()), "the token is not active")


def test_no_token(client):
    check_missing(client().register(new_topic()))
    check_missing(client({"Authorization": "Basic YTpi"}).register(new_topic()))
    check_missing(client({"Cookie": "session=1"}).register(new_topic()))


GARBAGE = {
    "empty": "",
    "two words": f"{planted.MARK} {planted.MARK}",
    "quotes": f'"{planted.MARK}"',
    "comma": f"{planted.MARK},{planted.MARK}",
    "not ASCII": f"{planted.MARK}\xff\xfe",
    "percent": f"{planted.MARK}%20",
    "form injection": f"{planted.MARK}&active=true",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_refused_without_asking(client, provider, name):
    before = len(provider.requests())
    refused = client(bearer(GARBAGE[name])).register(new_topic())
    check_unauthorized(refused, "the Authorization header has no token of the right form")
    assert len(provider.requests()) == before


def test_huge_token(client, provider):
    """Refused unread beyond a bound; below it, a token may be long."""
    before = len(provider.requests())
    too_long = new_token() + "x" * 8200
    check_unauthorized(client(bearer(too_long)).register(new_topic()), "too long")
    assert len(provider.requests()) == before
    long = new_token().ljust(8000, "x")
    check_unauthorized(client(bearer(long)).register(new_topic()), "the token is not active")


def test_token_with_every_character_reaches_the_provider(client, provider):
    token = new_token() + "-._~+/=="
    check_unauthorized(client(bearer(token)).register(new_topic()), "the token is not active")
    provider.accept(token)
    check_unauthorized(client(bearer(token)).register(new_topic()), "the token is not from the issuer")


def test_token_in_a_cookie(client, provider):
    client(cookie(issue(provider))).register(new_topic()).check_accepted()
    check_unauthorized(client(cookie(new_token())).register(new_topic()), "the token is not active")


def test_roles_decide_what_is_allowed(client, provider):
    reader, writer = issue(provider, scope="read"), issue(provider, scope="read writer")
    nested = issue(provider, scope=None, realm_access={"roles": ["writer"]})
    client(bearer(reader)).register(GUARDED).check_denied(403)
    client(bearer(writer)).register(GUARDED).check_accepted()
    client(bearer(nested)).publish(GUARDED, planted.payload()).check_accepted()
    refused = client(bearer(reader)).publish(GUARDED, planted.payload()).check_denied(403)
    assert refused.reason == "not allowed for this topic"
    assert refused.header("WWW-Authenticate") is None


USERS = {
    "sub": ({"sub": "ann", "username": "bob", "client_id": "c"}, "ann"),
    "username": ({"sub": None, "username": "bob", "client_id": "c"}, "bob"),
    "client_id": ({"sub": None, "client_id": "c"}, "c"),
    "without the prefix": ({"sub": "service-account-ann"}, "ann"),
}


@pytest.mark.parametrize("name", USERS)
def test_the_audit_log_tells_who(introspecting, client, provider, name):
    claims, user = USERS[name]
    topic = new_topic()
    client(bearer(issue(provider, **claims))).register(topic).check_accepted()
    events = introspecting["hub-0"].events("audit.allowed", topic=topic)
    assert [(e["user"], e["method"], e["operation"]) for e in events] == [(user, "introspection", "register")]


def test_the_audit_log_tells_why_a_token_was_refused(introspecting, client, provider):
    check_unauthorized(client(bearer(issue(provider, aud="other"))).register(new_topic()), "audience")
    events = introspecting["hub-0"].events("audit.denied", reason="the token is for another audience")
    assert events and "user" not in events[-1]


# --- the provider is in trouble ---


@pytest.fixture
def cached(client, provider):
    """A client whose token hub-0 has just found good, and a topic of its own."""
    token = issue(provider)
    hub = client(bearer(token))
    topic = register_topic(hub)
    yield hub, topic
    assert len(provider.requests_about(token)) == 1, "asked more than once"


NO_ANSWERS = TROUBLE | {
    "401 to us": answer(401, b'{"error": "invalid_client"}'),
    "active is no boolean": answer(200, b'{"active": "true", "sub": "ann"}'),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_no_clear_answer_means_503(introspecting, client, provider, cached, name):
    hub, topic = cached
    provider.trouble = NO_ANSWERS[name]
    token = issue(provider)
    check_unavailable(client(bearer(token)).register(new_topic()))
    hub.publish(topic, planted.payload()).check_accepted()
    provider.recover()
    client(bearer(token)).register(new_topic()).check_accepted()
    assert introspecting["hub-0"].events("auth.provider_failed", mode="introspection")


def test_provider_down(client, provider, cached):
    hub, topic = cached
    token = issue(provider)
    provider.stop()
    check_unavailable(client(bearer(token)).register(new_topic()))
    hub.publish(topic, planted.payload()).check_accepted()
    provider.recover()
    client(bearer(token)).register(new_topic()).check_accepted()


def test_slow_provider_holds_up_nobody_else(client, provider, cached):
    hub, topic = cached
    slow, other = issue(provider), issue(provider)
    release = threading.Event()
    held = hold(release, provider.answer)
    provider.trouble = lambda received: (held if slow.encode() in received.body else provider.answer)(
        received
    )
    answers = []
    slow_client = client(bearer(slow))
    waiting = threading.Thread(target=lambda: answers.append(slow_client.register(new_topic())))
    waiting.start()
    try:
        wait_for(lambda: provider.requests_about(slow), "the question about the slow token")
        hub.publish(topic, planted.payload()).check_accepted()
        client(bearer(other)).register(new_topic()).check_accepted()
        assert not answers
    finally:
        release.set()
        waiting.join()
    answers[0].check_accepted()


def test_provider_that_never_answers(forgetful, provider, cached):
    hub, topic = cached
    release = threading.Event()
    provider.trouble = hold(release, provider.answer)
    try:
        check_unavailable(forgetful(bearer(issue(provider))).register(new_topic()))
        hub.publish(topic, planted.payload()).check_accepted()
    finally:
        release.set()


# --- what is remembered ---


def test_a_good_token_is_asked_about_once(client, provider):
    token = issue(provider)
    hub = client(bearer(token))
    topic = register_topic(hub)
    for _ in range(5):
        hub.publish(topic, planted.payload()).check_accepted()
    assert len(provider.requests_about(token)) == 1


def test_a_bad_token_is_asked_about_again(client, provider):
    """It may have become good."""
    token = new_token()
    check_unauthorized(client(bearer(token)).register(new_topic()), "the token is not active")
    provider.accept(token)
    check_unauthorized(client(bearer(token)).register(new_topic()), "the token is not from the issuer")


def test_revoked_token_is_noticed_after_the_cache_time(client, forgetful, provider):
    token = issue(provider)
    remembering, forgetting = client(bearer(token)), forgetful(bearer(token))
    topic = register_topic(remembering)
    forgetting.publish(topic, planted.payload()).check_accepted()
    provider.revoke(token)
    refused = wait_for(
        lambda: next(
            (a for a in [forgetting.publish(topic, planted.payload())] if a.status not in (200, 503)),
            None,
        ),
        "a refusal",
    )
    check_unauthorized(refused, "the token is not active")
    # The other hub may still believe in it: that is what auth.cache_time is for.
    remembering.publish(topic, planted.payload()).check_accepted()


def test_a_token_is_never_remembered_beyond_its_end(client, provider):
    topic = register_topic(client(bearer(issue(provider))))
    hub = client(bearer(issue(provider, exp=time.time() + 5)))
    hub.publish(topic, planted.payload()).check_accepted()
    refused = wait_for(
        lambda: next((a for a in [hub.publish(topic, planted.payload())] if a.status != 200), None),
        "a refusal",
    )
    check_unauthorized(refused, "the token has expired")
