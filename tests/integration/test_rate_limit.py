"""Rate limits: per identity and operation; without authentication per address."""

import socket

import pytest

from harness import planted
from harness.hub_client import HubClient
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic

# One in a bit over a quarter of an hour: no test sees the next one, however slow the machine is.
CHANGES = "0.001"


def check_too_fast(answer) -> None:
    answer.check_denied(429)
    assert 1 <= int(answer.header("Retry-After")) <= 1000


@pytest.fixture(scope="module")
def limited_suite(kafka, tmp_path_factory):
    names = ["alice", "bob", "carol", "dave", "erin", "service-account-erin2"]
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", dict.fromkeys(names, ""))
    settings = users.settings() | {"WEBSUB_HUB_CHANGE_RATE_LIMIT": CHANGES}
    directory = tmp_path_factory.mktemp("limited")
    with Suite(kafka.bootstrap, directory, "limited-", dispatchers=0, settings=settings) as suite:
        yield suite.start()


def test_too_many_of_one_kind_are_told_when_to_come_back(limited_suite):
    hub = limited_suite.hub(headers=basic("alice"))
    hub.register(new_topic()).check_accepted()
    check_too_fast(hub.register(new_topic()))
    check_too_fast(hub.register(new_topic()))


def test_other_operations_and_others_are_not_affected(limited_suite):
    hub = limited_suite.hub(headers=basic("bob"))
    topic = new_topic()
    hub.register(topic).check_accepted()
    check_too_fast(hub.register(new_topic()))
    hub.subscribe(topic, "http://127.0.0.1:9/").check_accepted(202)
    check_too_fast(hub.subscribe(topic, "http://127.0.0.1:9/"))
    hub.unsubscribe(topic, "http://127.0.0.1:9/").check_accepted(202)
    for _ in range(5):
        hub.publish(topic, planted.payload()).check_accepted()
    limited_suite.hub(headers=basic("carol")).register(new_topic()).check_accepted()


def test_it_is_the_identity_that_counts(limited_suite):
    """Not the connection, and not what the name looks like on the way."""
    limited_suite.hub(headers=basic("dave")).register(new_topic()).check_accepted()
    check_too_fast(limited_suite.hub(headers=basic("dave")).register(new_topic()))


def test_who_is_not_let_in_uses_up_nothing(limited_suite):
    for _ in range(3):
        limited_suite.hub(headers=basic("erin", "wrong")).register(new_topic()).check_denied(401)
    limited_suite.hub(headers=basic("erin")).register(new_topic()).check_accepted()


@pytest.fixture(scope="module")
def open_suite(kafka, tmp_path_factory):
    settings = {"WEBSUB_HUB_PUBLISH_RATE_LIMIT": CHANGES}
    directory = tmp_path_factory.mktemp("open")
    with Suite(kafka.bootstrap, directory, "open-", dispatchers=0, settings=settings) as suite:
        yield suite.start()


class OtherAddress(HubClient):
    """A client at another address of this machine."""

    def __init__(self, port: int, address: str):
        super().__init__(port)
        self._address = address

    def _send(self, *arguments) -> bool:
        connection = self._connection
        if connection.sock is None:
            target = ("127.0.0.1", self.port)
            connection.sock = socket.create_connection(target, 30, source_address=(self._address, 0))
        return super()._send(*arguments)


def test_without_authentication_it_is_the_address_that_counts(open_suite):
    hub = open_suite.hub()
    topic = new_topic()
    for _ in range(3):
        hub.register(topic).check_accepted()  # another limit, which is off
    hub.publish(topic, planted.payload()).check_accepted()
    check_too_fast(hub.publish(topic, planted.payload()))
    check_too_fast(open_suite.hub().publish(topic, planted.payload()))
    other = OtherAddress(open_suite["hub-0"].port, "127.0.0.2")
    other.publish(topic, planted.payload()).check_accepted()
    check_too_fast(other.publish(topic, planted.payload()))
