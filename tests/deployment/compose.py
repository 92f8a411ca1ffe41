"""A system of docker-compose.yml for the tests."""

import http.client
import json
import os
import shutil
import signal
from pathlib import Path

from conftest import run
from harness.hub_client import HubClient
from harness.paths import REPOSITORY
from harness.ports import free_port
from harness.users import basic
from harness.wait import wait_for

SUBNET = "172.31.250.0/24"
GATEWAY = "172.31.250.1"  # this machine, as the containers see it
PROGRAMS = ("hub", "consolidator", "dispatcher")
UP = 120.0  # seconds until a system is up on a slow machine


class System:
    """The services of a copy of docker-compose.yml in `directory`, under a project name of their own."""

    def __init__(self, directory: Path):
        self.name = f"websubtest{os.getpid()}"
        self.secrets = directory / "deploy/compose/secrets"
        shutil.copy(REPOSITORY / "docker-compose.yml", directory)
        copied = shutil.ignore_patterns(self.secrets.name)
        shutil.copytree(REPOSITORY / "deploy/compose", directory / "deploy/compose", ignore=copied)
        shutil.copytree(REPOSITORY / "helm/files", directory / "helm/files")
        override = directory / "override.yml"
        override.write_text(
            f"networks: {{default: {{external: true, name: {self.name}}}}}\n"
            "services: {dispatcher: {environment: {WEBSUB_FETCH_FEED_DIFF: 'true'}}}\n"
        )
        self.port, self.prometheus_port = free_port(), free_port()
        self.environment = {
            "WEBSUB_BIND": f"127.0.0.1:{self.port}",
            "WEBSUB_PROMETHEUS_BIND": f"127.0.0.1:{self.prometheus_port}",
            "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": SUBNET,
        }
        self._directory = directory
        self._files = [directory / "docker-compose.yml", override]
        self._way: dict = {}

    def compose(self, *arguments: str, check: bool = True) -> str:
        command = ["docker-compose", "--project-name", self.name, "--project-directory", self._directory]
        files = [argument for file in self._files for argument in ("--file", file)]
        return run(*command, *files, *arguments, environment=self.environment, check=check)

    def secure(self, password: str) -> None:
        """As the comments of secure.yml say; what comes up from now on is so."""
        run(self._directory / "deploy/compose/make-secrets", input=f"{password}\n")
        self._files.append(self._directory / "deploy/compose/secure.yml")
        self._way = {"headers": basic("operator", password), "ca_file": self.secrets / "authority.pem"}

    def hub(self, **options: object) -> HubClient:
        """The operator's way to it, but for `options`."""
        return HubClient(self.port, **self._way | options)

    def up(self, dispatchers: int = 2) -> None:
        scale = ["--scale", "hub=2", "--scale", "consolidator=2", "--scale", f"dispatcher={dispatchers}"]
        self.compose("up", "--detach", *scale)
        self.wait_well(dispatchers)

    def wait_well(self, dispatchers: int = 2) -> None:
        wanted = {"hub": 2, "consolidator": 2, "dispatcher": dispatchers}
        wait_for(lambda: {name: self.healthy(name) for name in PROGRAMS} == wanted, self.describe, UP, 0.5)
        wait_for(self.answers, self.describe, UP, 0.5)

    def answers(self) -> bool:
        """Whether a hub is behind the balancer."""
        try:
            return self.hub().request("GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def healthy(self, service: str) -> int:
        return sum(
            state["Running"] and state.get("Health", {}).get("Status") == "healthy"
            for state in self.states(service)
        )

    def states(self, service: str) -> list[dict]:
        return [
            json.loads(run("docker", "inspect", "--format", "{{json .State}}", container))
            for container in self.containers(service)
        ]

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def crash(self, container: str) -> None:
        """As when the kernel kills it; "docker kill" would count as wanted, and nothing started it again."""
        os.kill(int(run("docker", "inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)

    def describe(self) -> str:
        return self.compose("ps", check=False) + self.compose("logs", "--tail", "5", check=False)
