"""docker-compose.yml as its users run it: it comes up, survives, keeps its data, and scales."""

import http.client
import itertools
import json
import tarfile
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from compose import GATEWAY, PROGRAMS, SUBNET, UP, System

from conftest import WEBSUB, run
from harness import planted, settle
from harness.hub_client import HubClient
from harness.site import ATOM, Page
from harness.subscriber import Endpoint, Subscriber
from harness.topics import new_topic
from harness.users import basic
from harness.wait import wait_for

OURS = {"websub", "websub-hub", "websub-consolidator", "websub-dispatcher", "websub-devbroker"}

pytestmark = pytest.mark.timeout(900)


class Traffic:
    """Publishes one message after the other, each until the hub has it, as careful publishers do."""

    _numbers = itertools.count(1)

    def __init__(self, system: System, topic: str):
        self.system, self.topic, self.sent = system, topic, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        hub = self.system.hub(timeout=10)
        body = self._next()
        while not self._stop.is_set():
            if self._accepted(hub, body):
                self.sent.append(body)
                body = self._next()
            self._stop.wait(0.01)

    def _next(self) -> bytes:
        return planted.payload(f"traffic {next(self._numbers)}")

    def _accepted(self, hub: HubClient, body: bytes) -> bool:
        try:
            return hub.publish(self.topic, body).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_more(self, count: int = 20) -> None:
        enough = len(self.sent) + count
        wait_for(lambda: len(self.sent) >= enough, self.system.describe, UP)


def wait_all(endpoint: Endpoint, sent: list[bytes]) -> None:
    """Each arrived, the first time in publish order. A publication of unknown outcome may have come twice."""

    def complete() -> bool:
        return set(endpoint.bodies()) >= set(sent)

    wait_for(complete, lambda: f"{len(set(sent) - set(endpoint.bodies()))} of {len(sent)} are missing", UP)
    first_times = list(dict.fromkeys(body for body in endpoint.bodies() if body in set(sent)))
    assert first_times == sent


@pytest.fixture(scope="module")
def system(images, tmp_path_factory) -> Iterator[System]:
    system = System(tmp_path_factory.mktemp("compose"))
    # Not compose's: "down" must leave the address that the subscriber listens on.
    run("docker", "network", "create", "--subnet", SUBNET, "--gateway", GATEWAY, system.name)
    try:
        system.up()
        yield system
    finally:
        system.compose("down", "--volumes", "--timeout", "10", check=False)
        run("docker", "network", "rm", system.name, check=False)


@pytest.fixture(scope="module")
def partner(system) -> Iterator[Subscriber]:
    server = Subscriber(GATEWAY)
    yield server
    server.stop()


@pytest.fixture
def feed(system, partner) -> tuple[str, Endpoint]:
    """A topic with a subscription."""
    hub, topic, endpoint = system.hub(), new_topic("compose"), partner.endpoint()
    hub.register(topic).check_accepted()
    settle.request(hub, topic, endpoint, planted.secret()).check_accepted(202)
    endpoint.wait_verified()
    probe = planted.payload("probe")
    wait_for(lambda: hub.publish(topic, probe) and probe in endpoint.bodies(), system.describe, UP, 0.2)
    return topic, endpoint


def test_image_is_small_and_holds_no_shell(images, tmp_path):
    image = json.loads(run("docker", "inspect", WEBSUB))[0]
    assert image["Size"] < 40_000_000
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Labels"]["org.opencontainers.image.title"] == "websub"
    assert image["Config"]["Healthcheck"]
    container = run("docker", "create", WEBSUB)
    try:
        run("docker", "export", "--output", tmp_path / "image.tar", container)
    finally:
        run("docker", "rm", container)
    with tarfile.open(tmp_path / "image.tar") as archive:
        programs = {name for name in archive.getnames() if name.startswith("usr/bin/")}
        bill = json.load(archive.extractfile("usr/share/websub/sbom.spdx.json"))
    assert programs == {f"usr/bin/{name}" for name in OURS | {"sleep"}}
    packages = {package["name"] for package in bill["packages"]}
    assert {"librdkafka1", "libc6", "libcurl4"} <= packages
    assert "libicu72" not in packages


@pytest.mark.parametrize("program", sorted(OURS))
def test_programs_run_as_anybody_without_network_or_anything_to_write_to(images, program):
    """Each says its version and its usage, whatever user a platform gives it."""
    sandbox = ["docker", "run", "--rm", "--read-only", "--network", "none", "--cap-drop", "ALL"]
    command = [*sandbox, "--user", "1000:1000", "--entrypoint", f"/usr/bin/{program}", WEBSUB]
    assert run(*command, "--version").startswith(f"{program} ")
    assert program in run(*command, "--help")


def test_delivers_through_the_balancer(system, feed):
    topic, endpoint = feed
    with Traffic(system, topic) as traffic:
        traffic.wait_more(50)
    wait_all(endpoint, traffic.sent)
    assert all(delivery.is_signed_with(planted.secret()) for delivery in endpoint.deliveries())


@pytest.mark.parametrize(
    "encoding, title",
    [("windows-1252", "Grüße für 5 €"), ("Shift_JIS", "日本語"), ("GB18030", "中文"), ("KOI8-R", "Привет")],
)
def test_reads_feeds_in_the_encodings_of_the_web(system, partner, encoding, title):
    """Not well-formed for whom does not know the encoding: then the second delivery were the whole feed."""

    def atom(*names: str) -> bytes:
        entries = "".join(
            f"<entry><id>urn:{name}</id><title>{title} {name}</title></entry>" for name in names
        )
        text = (
            f'<?xml version="1.0" encoding="{encoding}"?><feed xmlns="http://www.w3.org/2005/Atom">{entries}'
        )
        return (text + "</feed>").encode(encoding)

    hub, page, endpoint = system.hub(), Page(partner, atom("first"), ATOM), partner.endpoint()
    hub.register(page.url).check_accepted()
    settle.request(hub, page.url, endpoint, planted.secret()).check_accepted(202)
    endpoint.wait_verified()
    assert hub.ping(page.url).status == 204
    wait_for(endpoint.bodies, endpoint.describe, UP)
    page.change(atom("second", "first"))
    assert hub.ping(page.url).status == 204
    wait_for(lambda: len(endpoint.bodies()) == 2, endpoint.describe, UP)
    whole, new = (body.decode(encoding) for body in endpoint.bodies())
    assert f"{title} first" in whole
    assert f"{title} second" in new and f"{title} first" not in new


@pytest.mark.parametrize("service", [*PROGRAMS, "balancer", "kafka"])
def test_a_container_may_crash(system, feed, service):
    topic, endpoint = feed
    with Traffic(system, topic) as traffic:
        traffic.wait_more()
        system.crash(system.containers(service)[0])
        traffic.wait_more()
        system.wait_well()
        traffic.wait_more()
    wait_all(endpoint, traffic.sent)


def test_dispatchers_scale_under_load(system, feed):
    topic, endpoint = feed
    with Traffic(system, topic) as traffic:
        for dispatchers in (1, 3, 1, 2):
            system.up(dispatchers)
            traffic.wait_more()
    wait_all(endpoint, traffic.sent)


def test_down_and_up_keeps_everything(system, feed, partner):
    """Subscriptions, and what a subscriber has not got yet."""
    topic, endpoint = feed
    partner.stop()
    with Traffic(system, topic) as traffic:
        traffic.wait_more()
    system.compose("down", "--timeout", "30")
    assert system.containers("kafka") == []
    partner.start()
    system.up()
    with Traffic(system, topic) as after:
        after.wait_more()
    wait_all(endpoint, traffic.sent + after.sent)


def test_prometheus_finds_every_container(system):
    """Of the profile "observability"; Grafana cannot be had here."""
    system.compose("up", "--detach", "prometheus")

    def get(what: str) -> dict:
        url = f"http://127.0.0.1:{system.prometheus_port}/api/v1/{what}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]

    def well() -> list[str]:
        try:
            targets = get("targets")["activeTargets"]
        except OSError:  # it does not listen yet
            return []
        return sorted(target["labels"]["instance"][-5:] for target in targets if target["health"] == "up")

    wanted = [":9191", ":9191", ":9192", ":9192", ":9193", ":9193"]
    wait_for(lambda: well() == wanted, lambda: f"{wanted}, not {well()}{system.describe()}", UP, 0.5)
    rules = get("rules")["groups"][0]["rules"]
    assert rules and all(rule["health"] != "err" for rule in rules)
    system.compose("rm", "--stop", "--force", "prometheus")


def test_secured_later_with_all_that_it_has(system, feed, partner):
    """deploy/compose/secure.yml: users over TLS, and new secrets encrypted in Kafka."""
    topic, endpoint = feed
    password = planted.secret("operator")
    system.secure(password)
    system.up()
    with Traffic(system, topic) as traffic:
        traffic.wait_more()
    wait_all(endpoint, traffic.sent)
    body = planted.payload("by nobody")
    for headers in ({}, basic("operator", f"not {password}"), basic("somebody", password)):
        system.hub(headers=headers).publish(topic, body).check_denied(401)
    with pytest.raises((OSError, http.client.HTTPException)):
        HubClient(system.port).publish(topic, body).check_accepted()

    later = partner.endpoint()
    system.hub().subscribe(topic, later.url, planted.secret()).check_accepted(202)
    later.wait_verified()
    with Traffic(system, topic) as traffic:
        wait_for(later.bodies, later.describe, UP)
    assert all(delivery.is_signed_with(planted.secret()) for delivery in later.deliveries())
    key, secret_key = (system.secrets / "secret_keys").read_text().strip().split("=", 1)
    wait_for(lambda: f'{{key="{key}"}}' in encrypted_secrets(system), "an encrypted secret", UP)

    containers = [container for name in (*PROGRAMS, "balancer") for container in system.containers(name)]
    told = system.compose("logs") + run("docker", "inspect", *containers)
    password_hash = (system.secrets / "users").read_text().split(":")[1]
    for secret in (planted.MARK, secret_key, password_hash):
        assert secret not in told
    assert body not in endpoint.bodies() + later.bodies()


def encrypted_secrets(system: System) -> list[str]:
    """The keys of the secrets in the state."""
    samples = [
        line.split()
        for container in system.containers("consolidator")
        for line in get_metrics(container, 9192).splitlines()
        if line.startswith("websub_consolidator_secrets{")
    ]
    return [name.removeprefix("websub_consolidator_secrets") for name, value in samples if float(value) > 0]


def get_metrics(container: str, port: int) -> str:
    address = run(
        "docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container
    )
    with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=10) as response:
        return response.read().decode()
