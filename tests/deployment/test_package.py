"""The Debian package on a machine with systemd, and the archive, as cpack makes them."""

import gzip
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import run
from harness.paths import REPOSITORY
from harness.wait import wait_for

PROGRAMS = ("websub-hub", "websub-consolidator", "websub-dispatcher", "websub", "websub-devbroker")
UNITS = tuple(f"{name}.service" for name in PROGRAMS[:3])
READY = tuple(f"http://127.0.0.1:{port}/readyz" for port in (9191, 9192, 9193))
INSTALL = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]
CONFIGURATION = """
security: { allowed_callback_networks = ["127.0.0.0/8"]; };
log: { audit_file = "/var/log/websub/audit.log"; };
"""
UP = 60.0  # seconds until something is up on a slow machine

pytestmark = pytest.mark.timeout(600)


class Machine:
    """A container in which systemd is the first process."""

    # What systemd needs for the sandboxes of units; it can change nothing of this machine.
    RIGHTS = (
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
    )

    def __init__(self, image: str):
        options = ["--detach", "--cgroupns=private", "--tmpfs=/run", *self.RIGHTS]
        self._name = run("docker", "run", *options, image, "/lib/systemd/systemd", "--unit=basic.target")
        wait_for(lambda: self.run("systemctl", "is-system-running", check=False) == "running", "systemd", UP)

    def run(self, *command: object, check: bool = True) -> str:
        return run("docker", "exec", self._name, *command, check=check)

    def shell(self, script: str) -> str:
        return self.run("bash", "-euc", script)

    def run_beside(self, script: str) -> None:
        run("docker", "exec", "--detach", self._name, "bash", "-euc", script)

    def start_suite(self) -> None:
        self.run_beside("exec websub-devbroker")
        self.run("systemctl", "start", *UNITS)
        self.wait_ready()

    def wait_ready(self) -> None:
        for url in READY:
            wait_for(
                lambda url=url: self._is_well(url), lambda: self.run("journalctl", "--lines=20"), UP, 0.2
            )

    def _is_well(self, url: str) -> bool:
        command = ["docker", "exec", self._name, "websub", "health", url]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def main_pids(self) -> list[str]:
        return [self.run("systemctl", "show", "--property=MainPID", "--value", unit) for unit in UNITS]

    def close(self) -> None:
        run("docker", "rm", "--force", self._name)


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    run("cpack", "--config", REPOSITORY / "build/release/CPackConfig.cmake", "-B", folder)
    return folder


@pytest.fixture(scope="module")
def package(packages) -> Path:
    (file,) = packages.glob("*.deb")
    return file


@pytest.fixture(scope="module")
def installed(base_image, package) -> Iterator[str]:
    """An image of a new machine on which the package was installed, with what it depends on."""
    name = f"websub-package-test:{os.getpid()}"
    container = run("docker", "run", "--detach", "--network=host", base_image, "sleep", "infinity")
    try:
        run("docker", "cp", package, f"{container}:/websub.deb")
        run("docker", "exec", container, "apt-get", "update", "--quiet")
        run("docker", "exec", container, *INSTALL, "/websub.deb")
        run("docker", "commit", container, name)
    finally:
        run("docker", "rm", "--force", container)
    yield name
    run("docker", "rmi", name)


@pytest.fixture
def machine(installed) -> Iterator[Machine]:
    machine = Machine(installed)
    yield machine
    machine.close()


def test_lintian_finds_nothing(package):
    if not shutil.which("lintian"):
        pytest.skip("lintian is not installed")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_archive_runs_wherever_it_is_unpacked(packages, tmp_path):
    (file,) = packages.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    assert f"{folder.name}.tar.gz" == file.name
    for program in PROGRAMS:
        assert run(folder / "bin" / program, "--version").startswith(f"{program} ")
    example = folder / "share/doc/websub/examples/websub.conf"
    run(folder / "bin/websub-hub", "--check-config", "--config", example)


@pytest.mark.parametrize("program", PROGRAMS)
def test_manual_says_what_help_says(packages, tmp_path, program):
    (file,) = packages.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    page = gzip.decompress((folder / f"share/man/man1/{program}.1.gz").read_bytes()).decode()
    usage = run(folder / "bin" / program, "--help")
    summary = usage.splitlines()[0].removeprefix(f"{program}: ")
    assert f".SH NAME\n{program} - {summary}\n" in page.replace("\\-", "-")
    options = {word.strip(",") for word in usage.split() if word.startswith("--")}
    assert options <= set(page.replace("\\-", "-").replace(",", "").split())
    if program == "websub":
        assert "--secret-file" in page.replace("\\-", "-")  # of a command
    if shutil.which("man"):
        formatted = run("man", "--warnings", "--local-file", folder / f"share/man/man1/{program}.1.gz")
        assert summary.split()[0] in formatted


def test_holds_what_the_documents_promise(machine):
    for program in PROGRAMS:
        assert machine.run(program, "--version").startswith(f"{program} ")
    machine.run("websub-hub", "--check-config", "--config", "/etc/websub/websub.conf")
    files = set(machine.run("dpkg", "--listfiles", "websub").splitlines())
    documents = {file.name for file in (REPOSITORY / "docs").glob("*.md")} | {"README.md", "SECURITY.md"}
    documents |= {"copyright", "changelog.gz", "examples/websub.conf"}
    assert {f"/usr/share/doc/websub/{name}" for name in documents} <= files
    assert {f"/usr/share/man/man1/{name}.1.gz" for name in PROGRAMS} <= files
    machine.run(
        "systemd-analyze", "verify", "--man=no", *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS)
    )
    assert machine.run("getent", "passwd", "websub").endswith(":/usr/sbin/nologin")


def test_units_run_in_their_sandbox(machine):
    """From the package to a message that arrived, as an operator would do it; nothing started by itself."""
    assert machine.main_pids() == ["0", "0", "0"]
    machine.shell(f"cat >/etc/websub/websub.conf <<'END'\n{CONFIGURATION}\nEND")
    machine.start_suite()
    assert machine.shell("ps -o user= -p $(pidof websub-hub)") == "websub"
    assert "Seccomp:\t2" in machine.shell("cat /proc/$(pidof websub-hub)/status")
    machine.run("websub", "register", "--topic", "news")
    machine.run_beside("websub subscribe --topic news --secret s --count 1 --json >/messages")

    def arrived() -> str:
        machine.run("websub", "publish", "--topic", "news", "--data", "hello")
        return machine.run("head", "-1", "/messages", check=False)

    assert json.loads(wait_for(arrived, "a message", UP, 0.2))["signature"] == "valid"
    assert "audit.allowed" in machine.run("cat", "/var/log/websub/audit.log")
    machine.run("systemctl", "reload", *UNITS)
    machine.run("systemctl", "stop", *UNITS)
    failed = machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    assert failed == ""


def test_upgrade_restarts_what_runs_and_keeps_the_configuration(machine):
    machine.shell("echo '# mine' >>/etc/websub/websub.conf")
    machine.start_suite()
    machine.run("systemctl", "stop", UNITS[2])
    before = machine.main_pids()
    machine.run("dpkg", "--install", "/websub.deb")
    after = machine.main_pids()
    assert not set(before[:2]) & set(after) and after[2] == "0"
    machine.run("systemctl", "start", UNITS[2])
    machine.wait_ready()
    assert machine.run("tail", "-1", "/etc/websub/websub.conf") == "# mine"


def test_a_configuration_that_cannot_be_used_is_not_tried_for_ever(machine):
    machine.shell("echo 'hub: { prot = 1; };' >/etc/websub/websub.conf")
    machine.run("systemctl", "start", UNITS[0], check=False)
    wait_for(lambda: machine.run("systemctl", "is-failed", UNITS[0], check=False) == "failed", "failed", UP)
    # The journal takes a little longer.
    wait_for(lambda: "prot" in machine.run("journalctl", "--unit", UNITS[0]), "the reason in the journal", UP)


def test_removal_keeps_the_configuration_and_purge_nothing(machine):
    machine.start_suite()
    machine.run("dpkg", "--remove", "websub")
    assert machine.run("pidof", *PROGRAMS[:3], check=False) == ""
    machine.run("test", "-e", "/etc/websub/websub.conf")
    machine.run("dpkg", "--purge", "websub")

    def left() -> str:
        """find fails when something goes away while it looks."""
        return machine.run("find", "/", "-xdev", "-name", "*websub*", "-not", "-path", "/proc/*", check=False)

    # systemd removes private folders of units that have stopped beside everything else.
    wait_for(lambda: left() == "/websub.deb", lambda: f"nothing but the package, not {left()}", UP)
    assert machine.run("getent", "passwd", "websub") != ""  # as Debian has it: files may belong to it
