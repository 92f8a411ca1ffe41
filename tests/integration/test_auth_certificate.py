"""auth.mode "certificate": TLS client certificates tell who asks; with others beside it."""

import pytest

from harness import planted
from harness.certificates import Authority
from harness.hub_client import HubClient
from harness.suite import Suite
from harness.users import UsersFile, basic

TOPIC = "registry/births"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """The one that the hub trusts for clients, and a stranger."""
    return Authority(tmp_path_factory.mktemp("ours")), Authority(tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="module")
def suite(kafka, authorities, tmp_path_factory):
    authority, _ = authorities
    directory = tmp_path_factory.mktemp("certificate")
    server = str(authority.issue())
    settings = UsersFile(directory / "users", {"clerk": ""}).settings() | {
        "WEBSUB_AUTH_MODE": "certificate,basic",
        "WEBSUB_AUTH_RULES": "* {user}/* any",
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE": server,
        "WEBSUB_SECURITY_TLS_KEY_FILE": server,
        "WEBSUB_SECURITY_CLIENT_CA_FILE": str(authority.ca_file),
    }
    with Suite(
        kafka.bootstrap, directory, "cert-", dispatchers=0, settings=settings, ca_file=authority.ca_file
    ) as suite:
        yield suite.start()


@pytest.fixture
def connect(suite, authorities):
    """A client that shows a certificate of that name by our authority, or by a foreign one."""

    def connect(name: str | None, headers: dict[str, str] | None = None, foreign: bool = False) -> HubClient:
        certificate = authorities[foreign].issue(name=name) if name else None
        return HubClient(suite["hub-0"].port, headers, ca_file=suite.ca_file, certificate=certificate)

    return connect


@pytest.fixture(autouse=True)
def topic(connect):
    connect("service-account-registry").register(TOPIC).check_accepted()


def test_the_certificates_name_is_the_user(connect):
    connect("registry").publish(TOPIC, planted.payload()).check_accepted()


def test_another_name_is_another_user(connect):
    connect("somebody").publish(TOPIC, planted.payload()).check_denied(403)


def test_no_certificate_and_nothing_else(connect):
    refused = connect(None).publish(TOPIC, planted.payload()).check_denied(401)
    assert refused.header("WWW-Authenticate").startswith("Basic ")


def test_a_certificate_of_a_foreign_authority_is_none(connect):
    connect("registry", foreign=True).publish(TOPIC, planted.payload()).check_denied(401)


def test_without_a_certificate_the_password_counts(connect):
    connect(None, basic("clerk")).register("clerk/notes").check_accepted()


def test_a_certificate_goes_before_a_password(connect):
    """As the order in auth.mode says; and what it allowed is not remembered for the password."""
    connect("registry", basic("clerk")).publish(TOPIC, planted.payload()).check_accepted()
    connect(None, basic("clerk")).publish(TOPIC, planted.payload()).check_denied(403)
