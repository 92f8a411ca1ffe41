"""All programs with TLS: they do their job, and take another certificate without a restart."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from harness import planted, settle
from harness.certificates import Authority
from harness.hub_client import send_raw
from harness.paths import bin_dir
from harness.program import KINDS, Program, clean_environment, run_to_end
from harness.suite import Suite
from harness.wait import DEADLINE, wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


class Installed:
    """The file with certificate and key that the programs read."""

    def __init__(self, authority: Authority, directory: Path):
        self._authority = authority
        self.file = directory / "server.pem"
        self.replace()

    def replace(self) -> None:
        """By a new one, all at once."""
        os.replace(self._authority.issue(), self.file)

    def spoil(self) -> None:
        """Half of it, as if it were being written."""
        text = self.file.read_bytes()
        self.file.write_bytes(text[: len(text) - 200])

    @property
    def der(self) -> bytes:
        text = self.file.read_text()
        return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])


@pytest.fixture(scope="module")
def installed(authority, tmp_path_factory):
    return Installed(authority, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def suite(kafka, authority, installed, tmp_path_factory):
    settings = {
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE": str(installed.file),
        "WEBSUB_SECURITY_TLS_KEY_FILE": str(installed.file),
        "WEBSUB_SECURITY_HSTS_MAX_AGE": "1d",
    }
    directory = tmp_path_factory.mktemp("listeners")
    with Suite(
        kafka.bootstrap, directory, "listeners-", settings=settings, ca_file=authority.ca_file
    ) as suite:
        yield suite.start()


@pytest.fixture(autouse=True)
def good_certificate(installed, suite):
    yield
    installed.replace()
    for program in suite.programs.values():
        wait_for(lambda: shown(program) == installed.der, f"{program.name} shows the last certificate")


def shown(program) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=program.ca_file)
    with (
        socket.create_connection(("127.0.0.1", program.port), DEADLINE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        return connection.getpeercert(binary_form=True)


class Publishing:
    """Publishes without pause, in turn on a kept connection and on a new one, while in the block.

    Any request that is not answered 200 fails it.
    """

    def __init__(self, suite: Suite, topic: str):
        self._suite, self._topic = suite, topic
        self.bodies: list[bytes] = []
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            kept = self._suite.hub()
            while not self._stop.is_set():
                client = kept if len(self.bodies) % 2 else self._suite.hub()
                body = planted.payload(f"message {len(self.bodies)}")
                client.publish(self._topic, body).check_accepted()
                self.bodies.append(body)
                if client is not kept:
                    client.close()
            kept.close()
        except BaseException as failure:
            self._failure = failure

    def wait_more(self, count: int = 20) -> None:
        target = len(self.bodies) + count
        wait_for(lambda: len(self.bodies) >= target or self._failure, "more is published")

    def __enter__(self) -> "Publishing":
        self._thread.start()
        self.wait_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure


@pytest.mark.parametrize("kind", KINDS)
def test_health_with_tls_only(suite, kind):
    program = suite[f"{kind}-0"]
    assert program.get("/healthz").status == 200
    assert program.get("/metrics").status == 200
    health = program.get(f"/{kind}/actuator/health")
    assert health.status == 200
    assert health.header("Strict-Transport-Security") == "max-age=86400"
    assert health.header("X-Content-Type-Options") == "nosniff"
    assert send_raw(program.port, b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n") is None


def test_main_job(suite, hub, topic, subscriber):
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint, planted.secret())
    bodies = [planted.payload(f"message {i}") + bytes(range(256)) for i in range(20)]
    bodies.append(planted.payload("large") + bytes(900_000))
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    for received in endpoint.deliveries():
        assert received.is_signed_with(planted.secret())
        assert received.links()["hub"] == [suite.public_url]
    assert suite.public_url.startswith("https:")
    hub.unsubscribe(topic, endpoint.url).check_accepted(202)


def test_certificate_replaced_on_disk(suite, hub, topic, subscriber, installed):
    endpoint = subscriber.endpoint()
    settle.subscribe(hub, topic, endpoint)
    with Publishing(suite, topic) as publishing:
        for _ in range(2):
            installed.replace()
            for program in suite.programs.values():
                wait_for(lambda: shown(program) == installed.der, f"{program.name} shows the new one")
            publishing.wait_more()
    endpoint.wait_bodies(publishing.bodies)


def test_certificate_replaced_and_hangup(suite, topic, installed):
    def reloads(program: Program) -> list[dict]:
        return program.events("tls.certificate_reloaded", file=str(installed.file))

    with Publishing(suite, topic) as publishing:
        for program in suite.programs.values():
            told, done = len(program.events("program.reload")), len(reloads(program))
            installed.replace()
            program.signal(signal.SIGHUP)
            wait_for(lambda: shown(program) == installed.der, f"{program.name} shows the new one")
            # Shown before it is logged; and by itself it may have seen sooner that there is a new one.
            wait_for(lambda: len(program.events("program.reload")) > told, f"{program.name} was told to")
            wait_for(lambda: len(reloads(program)) > done, f"{program.name} tells of it")
            publishing.wait_more()


def test_bad_certificate_keeps_the_old_one(suite, topic, installed):
    before = installed.der
    for program in suite.programs.values():
        wait_for(lambda: shown(program) == before, f"{program.name} shows the installed one")
    with Publishing(suite, topic) as publishing:
        installed.spoil()
        for program in suite.programs.values():
            kept = len(program.events("tls.certificate_kept"))
            program.signal(signal.SIGHUP)
            wait_for(lambda: len(program.events("tls.certificate_kept")) > kept, f"{program.name} complains")
            assert shown(program) == before
        publishing.wait_more()


def test_command_with_authority(suite, topic, authority):
    def publish(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [bin_dir() / "websub", "publish", "--hub", suite.public_url, "--topic", topic]
        return subprocess.run(
            [*command, "--data", "hello", *arguments],
            env=clean_environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    done = publish("--ca-file", str(authority.ca_file))
    assert done.returncode == 0 and done.stdout.strip(), done
    assert publish().returncode == 3
    missing = publish("--ca-file", "/nonexistent")
    assert missing.returncode == 2 and "/nonexistent" in missing.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["missing", "no certificate", "another's key"])
def test_certificate_that_cannot_be_used_stops_the_start(authority, tmp_path, kind, what):
    certificate, key = authority.issue(), authority.issue()
    if what != "another's key":
        certificate = tmp_path / "certificate.pem"
    if what == "no certificate":
        certificate.write_text("nothing\n")
    settings = {
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE": str(certificate),
        "WEBSUB_SECURITY_TLS_KEY_FILE": str(key),
    }
    for arguments in ([], ["--check-config"]):
        done = run_to_end(kind, *arguments, settings=settings)
        assert done.returncode == 2
        assert "security.tls_certificate_file" in done.stderr and str(certificate) in done.stderr


@contextlib.contextmanager
def lone_hub(kafka, authority, installed, directory, settings: dict[str, str]):
    """A hub with TLS and settings of its own; it serves health, whatever else there is."""
    tls = {
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE": str(installed.file),
        "WEBSUB_SECURITY_TLS_KEY_FILE": str(installed.file),
    }
    with Suite(
        kafka.bootstrap,
        directory,
        "lone-",
        consolidators=0,
        dispatchers=0,
        settings=tls | settings,
        ca_file=authority.ca_file,
    ) as suite:
        suite.start_without_waiting()
        suite["hub-0"].wait_healthy()
        yield suite["hub-0"]


def test_slow_requests_are_cut_off(kafka, authority, installed, tmp_path):
    # Long enough for our own handshakes on a busy machine.
    with lone_hub(kafka, authority, installed, tmp_path, {"WEBSUB_HUB_HEADER_TIMEOUT": "5s"}) as hub:
        slow = [socket.create_connection(("127.0.0.1", hub.port), DEADLINE) for _ in range(40)]
        for connection in slow:
            connection.sendall(b"\x16\x03\x01")
        assert hub.get("/healthz").status == 200
        for connection in slow:
            with contextlib.suppress(ConnectionResetError):  # it may have been cut off before it sent
                assert connection.recv(1) == b""
            connection.close()
        wait_for(lambda: hub.events("http.slow_connections_cut"), "it is told")


def test_one_address_has_so_many_connections(kafka, authority, installed, tmp_path):
    settings = {"WEBSUB_HUB_CONNECTION_LIMIT_PER_ADDRESS": "50", "WEBSUB_HUB_HEADER_TIMEOUT": "10m"}
    with lone_hub(kafka, authority, installed, tmp_path, settings) as hub:
        crowd = [socket.create_connection(("127.0.0.1", hub.port), DEADLINE) for _ in range(60)]
        with pytest.raises((OSError, http.client.HTTPException)):
            hub.get("/healthz")
        for connection in crowd:
            connection.close()
        hub.wait_healthy()
