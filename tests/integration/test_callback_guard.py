"""Callbacks are hostile input: the dispatcher calls no address that is not public, however it is spelt."""

import re
import socket
import threading

import pytest

from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for


class Trap:
    """Listens on every address of this machine, IPv6 included, and notes every connection."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self._socket.getsockname()[1]
        self.callers: list = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, caller = self._socket.accept()
            except OSError:
                return
            self.callers.append(caller)
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap():
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def guarded(kafka, tmp_path_factory):
    """Nothing but public addresses is allowed, as by default, apart from one that the witness lives on."""
    settings = {
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "127.0.0.1/32",
        "WEBSUB_RETRY_MAX_INTERVAL": "200ms",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("guard"), "guard-", settings=settings) as suite:
        yield suite.start()


HOSTS = {
    "another loopback address": "127.0.0.2",
    "loopback, IPv6": "[::1]",
    "loopback, IPv4-mapped": "[::ffff:127.0.0.2]",
    "loopback, IPv4-compatible": "[::127.0.0.2]",
    "loopback, NAT64": "[64:ff9b::7f00:2]",
    "loopback, 6to4": "[2002:7f00:2::1]",
    "loopback, short": "127.2",
    "loopback, decimal": "2130706434",
    "loopback, hexadecimal": "0x7f000002",
    "loopback, octal": "0177.0.0.2",
    "unspecified": "0.0.0.0",
    "unspecified, short": "0",
    "unspecified, IPv6": "[::]",
    "private": "10.0.0.1",
    "link-local, where clouds keep their metadata": "169.254.169.254",
    "unique local": "[fd00::1]",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
}


def test_only_public_or_allowed_addresses_are_called(guarded, subscriber, trap):
    """Refused at once, or accepted and then never dialled: the answer tells nothing about our network."""
    hub, topic, witness = guarded.hub(), new_topic("guard"), subscriber.endpoint("witness")
    hub.register(topic).check_accepted()
    accepted = []
    for name, host in HOSTS.items():
        answer = hub.subscribe(topic, f"http://{host}:{trap.port}/callback")
        assert answer.status in (202, 400), f"{name}: {answer}"
        accepted += [name] if answer.status == 202 else []
    wait_for(lambda: refused_count(guarded) == len(accepted), lambda: f"all of {accepted} refused")
    assert trap.callers == []
    subscribe(hub, topic, witness)


def refused_count(suite: Suite) -> int:
    """Verifications that the dispatcher has given up."""
    metrics = suite["dispatcher-0"].get("/metrics").body.decode()
    return int(
        re.search(r'^websub_dispatcher_verifications_total{outcome="refused"} (\d+)$', metrics, re.M)[1]
    )
