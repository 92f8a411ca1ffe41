"""auth.mode "jwt": keys come and go with the issuer, and stay while it cannot be reached."""

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.behaviours import hold
from harness.certificates import Authority
from harness.hub_client import Answer
from harness.issuer import Issuer, SigningKey, TokenClients
from harness.metrics import metric
from harness.program import run_to_end
from harness.providers import TROUBLE, check_unauthorized, check_unavailable
from harness.suite import Suite
from harness.wait import wait_for

UNKNOWN = "the token's key is unknown"
WRONG = "the token's signature is wrong"
FIRST = SigningKey("RS256")


@contextlib.contextmanager
def new_issuer(*keys: SigningKey):
    issuer = Issuer(*keys)
    try:
        yield issuer
    finally:
        issuer.stop()


@pytest.fixture(scope="module")
def server():
    with new_issuer(FIRST) as issuer:
        yield issuer


def new_suite(kafka, directory, prefix: str, hubs: int = 1, **auth: str) -> Suite:
    settings = {"WEBSUB_AUTH_MODE": "jwt", "WEBSUB_AUTH_CACHE_TIME": "1h"}
    settings |= {f"WEBSUB_AUTH_{name.upper()}": value for name, value in auth.items()}
    return Suite(
        kafka.bootstrap, directory, prefix, hubs=hubs, consolidators=0, dispatchers=0, settings=settings
    )


PATIENT, EAGER = "hub-0", "hub-1"


@pytest.fixture(scope="module")
def suite(kafka, server, tmp_path_factory):
    """Both remember good tokens for an hour. PATIENT fetches the keys only when it must; EAGER again and
    again."""
    directory = tmp_path_factory.mktemp("jwt-keys")
    with new_suite(
        kafka, directory, "jwt-keys-", 2, jwks_url=server.keys_url, jwks_refresh_interval="1h"
    ) as suite:
        suite[EAGER].env["WEBSUB_AUTH_JWKS_URL"] = server.keys_url + "/eager"
        suite[EAGER].env["WEBSUB_AUTH_JWKS_REFRESH_INTERVAL"] = "1s"
        yield suite.start()


@pytest.fixture
def clients(suite):
    clients = TokenClients(suite)
    yield clients
    clients.close()


@pytest.fixture
def issuer(server):
    """Back in order after the test; what keys it has then is the next test's to know."""
    yield server
    server.keys = [FIRST]
    server.recover()


def token(key: SigningKey) -> str:
    return key.sign(Issuer.claims())


def wait_refused(show) -> Answer:
    """The first answer that is none of success."""
    found: list[Answer] = []

    def probe() -> bool:
        found.append(show())
        return found[-1].status != 200

    wait_for(probe, "a refusal")
    return found[-1]


def fetches(issuer: Issuer, hub: str) -> int:
    """How often that hub asked for the keys."""
    return sum(("eager" in r.target) == (hub == EAGER) for r in issuer.requests())


def wait_fetches(issuer: Issuer) -> None:
    """Until EAGER has asked for the keys again, and has been answered."""
    before = fetches(issuer, EAGER)
    wait_for(lambda: fetches(issuer, EAGER) >= before + 3, "fetches of the keys")


# --- rotation ---


def test_a_new_key_works_at_once(clients, issuer):
    """Though PATIENT would fetch the keys an hour later only."""
    clients.show(token(FIRST), PATIENT).check_accepted()
    second = SigningKey("ES256")
    issuer.keys.append(second)
    clients.show(token(second), PATIENT).check_accepted()
    clients.show(token(FIRST), PATIENT).check_accepted()


def test_all_who_come_with_a_new_key_wait_for_one_fetch(clients, issuer):
    second = SigningKey("ES384")
    issuer.keys.append(second)
    before = fetches(issuer, PATIENT)
    release = threading.Event()
    issuer.trouble = hold(release, issuer.answer)
    tokens = [token(second) for _ in range(10)]
    with ThreadPoolExecutor(len(tokens)) as pool:
        shown = [pool.submit(clients.show, t, PATIENT) for t in tokens]
        wait_for(lambda: fetches(issuer, PATIENT) > before, "the fetch")
        release.set()
        for answered in shown:
            answered.result().check_accepted()
    assert fetches(issuer, PATIENT) == before + 1


def test_unknown_keys_lead_to_few_fetches(clients, issuer):
    """However many tokens of unknown keys come, and however many different ones."""
    begin = time.monotonic()
    before = fetches(issuer, PATIENT)
    forged = [FIRST.forge({"kid": f"unknown-{i}"}, Issuer.claims()) for i in range(30)]
    with ThreadPoolExecutor(len(forged)) as pool:
        for refused in pool.map(lambda t: clients.show(t, PATIENT), forged):
            check_unauthorized(refused, UNKNOWN)
    assert 1 <= fetches(issuer, PATIENT) - before <= 2 + (time.monotonic() - begin) / 5


def test_a_withdrawn_key_stops_working(clients, issuer):
    """Also for a token that was found good before, and is remembered."""
    second = SigningKey("ES256")
    issuer.keys.append(second)
    old, other = token(second), token(FIRST)
    clients.show(old, EAGER).check_accepted()
    clients.show(other, EAGER).check_accepted()
    issuer.keys.remove(second)
    refused = wait_refused(lambda: clients.show(old, EAGER))
    check_unauthorized(refused, UNKNOWN)
    clients.show(other, EAGER).check_accepted()


def test_a_key_that_is_replaced_under_its_name_stops_working(clients, issuer):
    second = SigningKey("ES256")
    issuer.keys.append(second)
    old = token(second)
    clients.show(old, EAGER).check_accepted()
    issuer.keys[-1] = SigningKey("ES256", second.kid)
    check_unauthorized(wait_refused(lambda: clients.show(old, EAGER)), WRONG)
    clients.show(token(issuer.keys[-1]), EAGER).check_accepted()


def test_keys_that_stay_the_same_leave_the_remembered_tokens_alone(suite, clients, issuer):
    shown = token(FIRST)
    wait_fetches(issuer)
    clients.show(shown, EAGER).check_accepted()
    cached = 'websub_hub_authentications_total{outcome="cached"}'
    before = metric(suite[EAGER], cached)
    wait_fetches(issuer)
    clients.show(shown, EAGER).check_accepted()
    assert metric(suite[EAGER], cached) == before + 1


# --- the issuer is in trouble ---


@pytest.mark.parametrize("name", TROUBLE)
def test_the_last_good_keys_stay(suite, clients, issuer, name):
    clients.show(token(FIRST), EAGER).check_accepted()
    failures = len(suite[EAGER].events("auth.keys_not_fetched"))
    issuer.trouble = TROUBLE[name]
    wait_for(lambda: len(suite[EAGER].events("auth.keys_not_fetched")) > failures, "a failed fetch")
    clients.show(token(FIRST), EAGER).check_accepted()
    check_unauthorized(clients.show(token(SigningKey("RS256", FIRST.kid)), EAGER), WRONG)


def test_the_last_good_keys_stay_while_the_issuer_is_down(suite, clients, issuer):
    remembered = token(FIRST)
    clients.show(remembered, EAGER).check_accepted()
    failures = len(suite[EAGER].events("auth.keys_not_fetched"))
    issuer.stop()
    wait_for(lambda: len(suite[EAGER].events("auth.keys_not_fetched")) > failures, "a failed fetch")
    clients.show(token(FIRST), EAGER).check_accepted()
    clients.show(remembered, EAGER).check_accepted()


def test_unknown_key_while_the_issuer_is_down(clients, issuer):
    """It may be a new one: nobody can tell now."""
    second = SigningKey("ES256")
    shown = token(second)
    issuer.stop()
    issuer.keys.append(second)  # not before: EAGER would have fetched it
    check_unavailable(clients.show(shown, EAGER))
    check_unavailable(clients.show(shown, PATIENT))
    issuer.recover()
    for hub in (EAGER, PATIENT):
        wait_for(lambda hub=hub: clients.show(shown, hub).status == 200, "the new key")


def test_an_empty_set_is_an_answer(clients, issuer):
    """Everything was withdrawn."""
    shown = token(FIRST)
    clients.show(shown, EAGER).check_accepted()
    issuer.keys = []
    check_unauthorized(wait_refused(lambda: clients.show(shown, EAGER)), UNKNOWN)
    issuer.keys = [FIRST]
    clients.show(shown, EAGER).check_accepted()


def test_issuer_that_was_never_reached(kafka, tmp_path):
    """503, and the hub starts all the same; it works as soon as the issuer does."""
    with new_issuer(FIRST) as issuer:
        issuer.stop()
        with new_suite(
            kafka, tmp_path, "jwt-down-", jwks_url=issuer.keys_url, provider_timeout="2s"
        ) as suite:
            suite.start()
            clients = TokenClients(suite)
            shown = token(FIRST)
            check_unavailable(clients.show(shown))
            check_unavailable(clients.show(FIRST.forge({"kid": None}, Issuer.claims())))
            check_unauthorized(clients.show("garbage"), "the token is no signed JWT")
            issuer.start()
            wait_for(lambda: clients.show(shown).status == 200, "the keys")
            clients.close()


def test_issuer_that_never_answers(kafka, tmp_path):
    """Who comes meanwhile waits for no longer than the bound; the hub can be stopped all the while."""
    release = threading.Event()
    with new_issuer(FIRST) as issuer:
        issuer.trouble = hold(release, issuer.answer)
        with new_suite(
            kafka, tmp_path, "jwt-mute-", jwks_url=issuer.keys_url, provider_timeout="1s"
        ) as suite:
            suite.start()
            clients = TokenClients(suite)
            check_unavailable(clients.show(token(FIRST)))
            clients.close()
        release.set()


# --- keys in a file ---


def certificate_of(directory) -> tuple[SigningKey, bytes]:
    """A key whose public half is in a certificate."""
    authority = Authority(directory)
    key = SigningKey("ES256")
    key.private = authority._key
    return key, authority.ca_file.read_bytes()


def write_anew(path, content: bytes) -> None:
    """As an operator replaces a file: at once."""
    other = path.with_suffix(".new")
    other.write_bytes(content)
    os.replace(other, path)


@pytest.fixture(scope="module")
def pem_suite(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("jwt-file")
    path = directory / "keys.pem"
    path.write_bytes(FIRST.public_bytes())
    with new_suite(
        kafka, directory, "jwt-file-", public_key_file=str(path), jwks_refresh_interval="1s"
    ) as suite:
        yield suite.start()


@pytest.fixture
def key_file(pem_suite):
    return Path(pem_suite["hub-0"].env["WEBSUB_AUTH_PUBLIC_KEY_FILE"])


@pytest.fixture
def pem_clients(pem_suite):
    clients = TokenClients(pem_suite)
    yield clients
    clients.close()


def test_keys_of_a_file(pem_clients, key_file, tmp_path):
    """Each is tried, whatever the token calls its key; keys that cannot be used are passed over."""
    certified, certificate = certificate_of(tmp_path)
    keys = [FIRST, SigningKey("ES384"), SigningKey("RS512"), certified]
    weak = SigningKey("RS256", bits=1024)
    file = [key.public_bytes() for key in [weak, *keys[:3]]] + [certificate]
    write_anew(key_file, b"Keys of the issuer\n" + b"\n".join(file))
    wait_for(lambda: pem_clients.show(token(certified)).status == 200, "the new file")
    for key in keys:
        pem_clients.show(token(key)).check_accepted()
        pem_clients.show(key.forge({"kid": None}, Issuer.claims())).check_accepted()
    for key in (weak, SigningKey("RS256"), SigningKey("ES384")):
        check_unauthorized(pem_clients.show(token(key)), WRONG)
    check_unauthorized(pem_clients.show(token(SigningKey("ES512"))), UNKNOWN)


def test_a_changed_file_is_read_again(pem_clients, key_file):
    old, new = SigningKey("ES256"), SigningKey("ES256")
    write_anew(key_file, old.public_bytes())
    shown = token(old)
    wait_for(lambda: pem_clients.show(shown).status == 200, "the old key")
    write_anew(key_file, new.public_bytes())
    check_unauthorized(wait_refused(lambda: pem_clients.show(shown)), WRONG)
    pem_clients.show(token(new)).check_accepted()


@pytest.mark.parametrize("content", [b"", b"no keys", None])
def test_a_file_that_breaks_leaves_the_keys_alone(pem_suite, pem_clients, key_file, content):
    key = SigningKey("ES256")
    write_anew(key_file, key.public_bytes())
    wait_for(lambda: pem_clients.show(token(key)).status == 200, "the key")
    complaints = len(pem_suite["hub-0"].events("auth.keys_unreadable"))
    if content is None:
        key_file.unlink()
    else:
        write_anew(key_file, content)
    wait_for(lambda: len(pem_suite["hub-0"].events("auth.keys_unreadable")) > complaints, "a complaint")
    pem_clients.show(token(key)).check_accepted()


def test_a_file_beside_the_issuer(kafka, tmp_path):
    """Its keys work although the issuer is down; of a key that is not in it nothing can be told then."""
    path = tmp_path / "keys.pem"
    path.write_bytes(FIRST.public_bytes())
    second = SigningKey("ES256")
    with new_issuer(second) as issuer:
        issuer.stop()
        with new_suite(
            kafka, tmp_path, "jwt-both-", jwks_url=issuer.keys_url, public_key_file=str(path)
        ) as suite:
            suite.start()
            clients = TokenClients(suite)
            clients.show(token(FIRST)).check_accepted()
            check_unavailable(clients.show(token(second)))
            issuer.start()
            wait_for(lambda: clients.show(token(second)).status == 200, "the issuer's key")
            clients.show(token(FIRST)).check_accepted()
            clients.close()


@pytest.mark.parametrize("content", [None, b"", b"no key\n", b"weak"])
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path, content):
    path = tmp_path / "keys.pem"
    weak = SigningKey("RS256", bits=1024).public_bytes()
    if content is not None:
        path.write_bytes({b"weak": weak}.get(content, content))
    settings = {"WEBSUB_AUTH_MODE": "jwt", "WEBSUB_AUTH_PUBLIC_KEY_FILE": str(path)}
    done = run_to_end("hub", settings=settings)
    assert done.returncode != 0
    assert "auth.public_key_file" in done.stderr and str(path) in done.stderr
