"""The websub command says who it is, to the hub and to nobody else."""

import subprocess

import pytest

from harness import planted
from harness.behaviours import answer
from harness.paths import bin_dir
from harness.program import clean_environment
from harness.subscriber import Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import PASSWORD, UsersFile

TOKEN = planted.secret("token")


def websub(*arguments: str, settings: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [bin_dir() / "websub", *arguments],
        env=clean_environment(settings or {}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert planted.MARK not in done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def basic_suite(kafka, tmp_path_factory):
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", {"alice": ""})
    directory = tmp_path_factory.mktemp("command")
    with Suite(kafka.bootstrap, directory, "command-", dispatchers=0, settings=users.settings()) as suite:
        yield suite.start()


@pytest.fixture
def user_file(tmp_path):
    file = tmp_path / "user"
    file.write_text(f"alice:{PASSWORD}\n")
    return str(file)


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return str(file)


def test_password_of_a_file(basic_suite, user_file):
    hub = ("--hub", basic_suite.public_url)
    topic = new_topic()
    assert websub("register", *hub, "--topic", topic, "--user-file", user_file).returncode == 0
    published = websub("publish", *hub, "--topic", topic, "--data", "x", "--user-file", user_file)
    assert published.returncode == 0 and published.stdout.strip()
    environment = {"WEBSUB_USER_FILE": user_file}
    assert websub("deregister", *hub, "--topic", topic, settings=environment).returncode == 0


def test_without_it_the_hub_refuses(basic_suite, token_file):
    hub = ("--hub", basic_suite.public_url)
    done = websub("register", *hub, "--topic", new_topic())
    assert done.returncode == 1 and "authentication is required" in done.stderr
    done = websub("register", *hub, "--topic", new_topic(), "--token-file", token_file)
    assert done.returncode == 1


def test_mistakes_are_told_before_anything_is_sent(user_file, token_file, tmp_path):
    for arguments in (
        ("--token-file", token_file, "--user-file", user_file),
        ("--token-file", str(tmp_path / "none")),
        ("--token-file", user_file),
        ("--user-file", token_file),
    ):
        done = websub("register", "--hub", "http://127.0.0.1:9/hub", "--topic", "t", *arguments)
        assert done.returncode == 2, done.stderr


@pytest.fixture
def servers():
    pair = (Subscriber(), Subscriber())
    yield pair
    for server in pair:
        server.stop()


def test_token_goes_to_the_hub_and_not_where_it_is_sent_on(servers, token_file):
    """Another path of the hub is the hub; another port is not."""
    hub, other = servers[0].endpoint(), servers[1].endpoint()
    again = servers[0].endpoint()
    again.on_delivery = answer(307, headers={"Location": other.url})
    hub.on_delivery = answer(307, headers={"Location": again.url})
    arguments = ("register", "--hub", hub.url, "--topic", "t", "--token-file", token_file)
    assert websub(*arguments).returncode == 0
    sent = [endpoint.attempts()[0].header("Authorization") for endpoint in (hub, again, other)]
    assert sent == [f"Bearer {TOKEN}", f"Bearer {TOKEN}", None]
