"""auth.mode "mosip": tokens, users and roles mean what they mean to MOSIP's own hub."""

import threading

import pytest

from harness import planted
from harness.behaviours import Reply, hold
from harness.providers import (
    TROUBLE,
    Clients,
    MosipAuth,
    bearer,
    check_missing,
    check_unauthorized,
    check_unavailable,
    cookie,
    new_token,
)
from harness.suite import Suite
from harness.wait import wait_for

CALLBACK = "https://partner.example/callback"
NOT_VALID = "the auth service finds the token not valid"

# Topics as MOSIP's are: PARTNER/NAME or NAME.
OWN, GENERAL = "partner-1/CREDENTIAL_ISSUED", "MASTERDATA_TITLES"
INDIVIDUAL_ROLES = ["PUBLISH_CREDENTIAL_ISSUED_ALL_INDIVIDUAL", "SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"]
GENERAL_ROLES = ["PUBLISH_MASTERDATA_TITLES_GENERAL", "SUBSCRIBE_MASTERDATA_TITLES_GENERAL"]


@pytest.fixture(scope="module")
def server():
    server = MosipAuth()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mosip(kafka, server, tmp_path_factory):
    """hub-0 remembers for long; hub-1 forgets quickly. The topics are registered."""
    settings = {
        "WEBSUB_AUTH_MODE": "mosip",
        "WEBSUB_AUTH_MOSIP_BASE_URL": server.url("/"),
        "WEBSUB_AUTH_MOSIP_SCOPES": "true",
        "WEBSUB_AUTH_CACHE_TIME": "1h",
        "WEBSUB_AUTH_PROVIDER_TIMEOUT": "3s",
    }
    directory = tmp_path_factory.mktemp("mosip")
    with Suite(kafka.bootstrap, directory, "mosip-", hubs=2, dispatchers=0, settings=settings) as suite:
        suite["hub-1"].env["WEBSUB_AUTH_CACHE_TIME"] = "300ms"
        suite.start()
        registrar = suite.hub(0, cookie(server.issue("registrar", *INDIVIDUAL_ROLES, *GENERAL_ROLES)))
        for topic in (OWN, GENERAL):
            registrar.register(topic).check_accepted()
        registrar.close()
        yield suite


@pytest.fixture
def provider(server):
    yield server
    server.recover()


@pytest.fixture
def client(mosip):
    clients = Clients(mosip)
    yield clients
    clients.close()


@pytest.fixture
def forgetful(mosip):
    clients = Clients(mosip, 1)
    yield clients
    clients.close()


def issue_publisher(provider: MosipAuth) -> str:
    return provider.issue("publisher", *GENERAL_ROLES)


OPERATIONS = {
    "register": (lambda hub, topic: hub.register(topic), 200),
    "publish": (lambda hub, topic: hub.publish(topic, planted.payload()), 200),
    "subscribe": (lambda hub, topic: hub.subscribe(topic, CALLBACK), 202),
    "unsubscribe": (lambda hub, topic: hub.unsubscribe(topic, CALLBACK), 202),
}

ANYONE, PARTNER, ACCOUNT = "someone", "partner-1", "service-account-partner-1"

# Operations, topic, user, roles: allowed or not.
SCOPES = [
    (["register", "publish"], OWN, ANYONE, ["PUBLISH_CREDENTIAL_ISSUED_ALL_INDIVIDUAL"], True),
    (["register", "publish"], OWN, ANYONE, ["other", *INDIVIDUAL_ROLES, "another"], True),
    (["register", "publish"], OWN, PARTNER, ["PUBLISH_CREDENTIAL_ISSUED_INDIVIDUAL"], False),
    (["register", "publish"], OWN, PARTNER, ["PUBLISH_CREDENTIAL_ISSUED_GENERAL"], False),
    (["register", "publish"], OWN, PARTNER, ["PUBLISH_OTHER_ALL_INDIVIDUAL"], False),
    (["register", "publish"], OWN, PARTNER, ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], False),
    (["register", "publish"], OWN, PARTNER, ["publish_credential_issued_all_individual"], False),
    (["register", "publish"], OWN, PARTNER, [], False),
    (["register", "publish"], GENERAL, ANYONE, ["PUBLISH_MASTERDATA_TITLES_GENERAL"], True),
    (["register", "publish"], GENERAL, ANYONE, ["PUBLISH_MASTERDATA_TITLES_ALL_INDIVIDUAL"], False),
    (["register", "publish"], GENERAL, ANYONE, ["SUBSCRIBE_MASTERDATA_TITLES_GENERAL"], False),
    (["subscribe", "unsubscribe"], OWN, PARTNER, ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], True),
    (["subscribe", "unsubscribe"], OWN, ACCOUNT, ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], True),
    (["subscribe", "unsubscribe"], OWN, ANYONE, ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], False),
    (["subscribe", "unsubscribe"], OWN, "partner-11", ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], False),
    (["subscribe", "unsubscribe"], OWN, "partner", ["SUBSCRIBE_CREDENTIAL_ISSUED_INDIVIDUAL"], False),
    (["subscribe", "unsubscribe"], OWN, PARTNER, ["SUBSCRIBE_CREDENTIAL_ISSUED_GENERAL"], False),
    (["subscribe", "unsubscribe"], OWN, PARTNER, ["PUBLISH_CREDENTIAL_ISSUED_ALL_INDIVIDUAL"], False),
    (["subscribe", "unsubscribe"], GENERAL, ANYONE, ["SUBSCRIBE_MASTERDATA_TITLES_GENERAL"], True),
    (["subscribe", "unsubscribe"], GENERAL, ANYONE, ["SUBSCRIBE_MASTERDATA_TITLES_INDIVIDUAL"], False),
    (["subscribe", "unsubscribe"], GENERAL, ANYONE, ["PUBLISH_MASTERDATA_TITLES_GENERAL"], False),
]
CASES = [(operation, *rest) for operations, *rest in SCOPES for operation in operations]


@pytest.mark.parametrize("operation, topic, user, roles, allowed", CASES)
def test_scopes(client, provider, operation, topic, user, roles, allowed):
    do, status = OPERATIONS[operation]
    done = do(client(cookie(provider.issue(user, *roles))), topic)
    if allowed:
        done.check_accepted(status)
    else:
        assert done.check_denied(403).reason == "not allowed for this topic"


# --- tokens ---


def test_token_in_a_header_or_among_cookies(client, provider):
    token = issue_publisher(provider)
    client(bearer(token)).register(GENERAL).check_accepted()
    among = {"Cookie": f"session=1; Authorization={token}; theme=dark"}
    client(among).register(GENERAL).check_accepted()


def test_unknown_token(client):
    check_unauthorized(client(cookie(new_token())).register(GENERAL), NOT_VALID)


ERRORS = {
    "invalid, with 200": MosipAuth.error("KER-ATH-401", "Invalid Token"),
    "invalid, with 401": MosipAuth.error("KER-ATH-401", "Invalid Token", 401),
    "expired": MosipAuth.error("KER-ATH-402", "Token expired"),
    "forbidden": MosipAuth.error("KER-ATH-403", "Forbidden", 403),
    "not in the store": MosipAuth.error("KER-ATH-008", "Token is not present in datastore"),
    "401 without a body": Reply(401),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_about_the_token_mean_401(client, provider, name):
    provider.trouble = lambda received: ERRORS[name]
    token = issue_publisher(provider)
    check_unauthorized(client(cookie(token)).register(GENERAL), NOT_VALID)
    provider.recover()
    client(cookie(token)).register(GENERAL).check_accepted()


def test_no_token(client, provider):
    before = len(provider.requests())
    check_missing(client().register(GENERAL))
    check_missing(client({"Cookie": "session=1"}).register(GENERAL))
    assert len(provider.requests()) == before


@pytest.mark.parametrize("token", ["", "two words", 'quo"tes', "a,b", "line%0d%0abreak"])
def test_garbage_is_refused_without_asking(client, provider, token):
    before = len(provider.requests())
    refused = client(cookie(token)).register(GENERAL)
    check_unauthorized(refused, "the cookie has no token of the right form")
    assert len(provider.requests()) == before


def test_huge_token(client, provider):
    before = len(provider.requests())
    check_unauthorized(client(cookie(new_token() + "x" * 8200)).register(GENERAL), "too long")
    assert len(provider.requests()) == before
    check_unauthorized(client(cookie(new_token().ljust(8000, "x"))).register(GENERAL), NOT_VALID)


# --- the service is in trouble ---


@pytest.fixture
def cached(client, provider):
    """A client whose token hub-0 has just found good."""
    token = issue_publisher(provider)
    hub = client(cookie(token))
    hub.register(GENERAL).check_accepted()
    yield hub
    assert len(provider.requests_about(token)) == 1, "asked more than once"


NO_ANSWERS = TROUBLE | {
    "cannot connect": lambda received: MosipAuth.error("KER-ATH-002", "Fail to connect to auth service"),
    "server error": lambda received: MosipAuth.error("KER-ATH-500", "Server error occured"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_no_clear_answer_means_503(mosip, client, provider, cached, name):
    provider.trouble = NO_ANSWERS[name]
    token = issue_publisher(provider)
    check_unavailable(client(cookie(token)).register(GENERAL))
    cached.publish(GENERAL, planted.payload()).check_accepted()
    provider.recover()
    client(cookie(token)).register(GENERAL).check_accepted()
    assert mosip["hub-0"].events("auth.provider_failed", mode="mosip")


def test_service_down(client, provider, cached):
    token = issue_publisher(provider)
    provider.stop()
    check_unavailable(client(cookie(token)).register(GENERAL))
    cached.publish(GENERAL, planted.payload()).check_accepted()
    provider.recover()
    client(cookie(token)).register(GENERAL).check_accepted()


def test_service_that_never_answers(client, provider, cached):
    release = threading.Event()
    provider.trouble = hold(release, provider.answer)
    try:
        check_unavailable(client(cookie(issue_publisher(provider))).register(GENERAL))
        cached.publish(GENERAL, planted.payload()).check_accepted()
    finally:
        release.set()


def test_revoked_token_is_noticed_after_the_cache_time(client, forgetful, provider):
    token = issue_publisher(provider)
    remembering, forgetting = client(cookie(token)), forgetful(cookie(token))
    for hub in (remembering, forgetting):
        hub.publish(GENERAL, planted.payload()).check_accepted()
    provider.revoke(token)
    refused = wait_for(
        lambda: next(
            (a for a in [forgetting.publish(GENERAL, planted.payload())] if a.status != 200),
            None,
        ),
        "a refusal",
    )
    check_unauthorized(refused, NOT_VALID)
    remembering.publish(GENERAL, planted.payload()).check_accepted()
