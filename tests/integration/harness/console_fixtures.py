"""Fixtures of the tests that click through the console; a plugin of pytest (../../conftest.py)."""

import pytest

from .console import SETTINGS, Console, Watched
from .issuer import SigningKey
from .suite import Suite
from .users import UsersFile, basic

USERS = {"bank": "", "root": "websub-operator"}
KEY = SigningKey("ES256")


def _prefix(request: pytest.FixtureRequest) -> str:
    """Each module has suites of its own."""
    return request.module.__name__.removeprefix("test_").replace("_", "-")


@pytest.fixture(scope="module")
def guarded(kafka, tmp_path_factory, request):
    """Knows passwords and tokens."""
    directory = tmp_path_factory.mktemp("console")
    key = directory / "key.pem"
    key.write_bytes(KEY.public_bytes())
    settings = SETTINGS | UsersFile(directory / "users", USERS).settings()
    settings |= {"WEBSUB_AUTH_MODE": "basic,jwt", "WEBSUB_AUTH_PUBLIC_KEY_FILE": str(key)}
    with Suite(kafka.bootstrap, directory, f"{_prefix(request)}-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture(scope="module")
def burying(kafka, tmp_path_factory, request):
    """Needs no credentials, and puts aside what a subscriber does not take."""
    settings = SETTINGS | {
        "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
        "WEBSUB_RETRY_GIVE_UP_AFTER": "300ms",
        "WEBSUB_RETRY_MIN_INTERVAL": "50ms",
    }
    directory = tmp_path_factory.mktemp("console-letters")
    with Suite(kafka.bootstrap, directory, f"{_prefix(request)}-letters-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def chromium(downloads):
    console = Console(downloads)
    yield console
    console.close()


@pytest.fixture
def expected_complaints() -> list[str]:
    """Parts of what may be in the browser's console; a test adds what it provokes."""
    return []


@pytest.fixture
def console(chromium, expected_complaints, subscriber):
    """Nothing may be wrong with the page, whatever is done: errors, refused scripts and styles.

    The subscriber retires after the page is left, which would complain about a subscription that is gone.
    """
    chromium.complaints()
    yield chromium
    chromium.driver.get("about:blank")
    complaints = chromium.complaints()
    unexpected = [one for one in complaints if not any(part in one for part in expected_complaints)]
    assert not unexpected, unexpected


@pytest.fixture
def root(guarded, console, expected_complaints):
    """An operator, signed in; the first answer was 401."""
    expected_complaints.append("401 (Unauthorized)")
    console.sign_in(guarded, "root")
    return console


@pytest.fixture
def feed(guarded, subscriber):
    hub = guarded.hub(headers=basic("bank"))
    yield Watched.new(hub, subscriber)
    hub.close()
