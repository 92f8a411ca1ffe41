"""A whole installation: any number of hubs, consolidators and dispatchers on one Kafka."""

import signal
from pathlib import Path

from .hub_client import HubClient
from .kafka_security import Security, as_setting, chosen
from .program import KINDS, Program
from .wait import DEADLINE

# Quick where the defaults are patient; what a test is about, it sets itself.
_SETTINGS = {
    "WEBSUB_AUTH_MODE": "none",
    "WEBSUB_KAFKA_PARTITIONS": "8",
    "WEBSUB_KAFKA_REPLICATION_FACTOR": "1",
    "WEBSUB_HUB_LEASE_SECONDS_MIN": "1",
    "WEBSUB_RETRY_MIN_INTERVAL": "100ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "1s",
    "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "127.0.0.0/8",
    # The most talkative: nothing secret may be in the log at any level.
    "WEBSUB_LOG_LEVEL": "debug",
    "WEBSUB_LOG_FORMAT": "json",
}

_open: list["Suite"] = []


def open_suites() -> list["Suite"]:
    """The suites whose programs may be running now."""
    return list(_open)


class Suite:
    """Programs by name ("hub-0", "dispatcher-1"); methods without names mean all of them.

    security: that of the Kafka at `bootstrap`. A test's own WEBSUB_KAFKA_PROPERTIES come after it.
    """

    def __init__(
        self,
        bootstrap: str,
        directory: Path,
        prefix: str,
        *,
        hubs: int = 1,
        consolidators: int = 1,
        dispatchers: int = 1,
        settings: dict[str, str] | None = None,
        ca_file: Path | None = None,
        security: Security | None = None,
    ):
        """With `ca_file`, the settings make the programs speak TLS with certificates of that authority."""
        self.ca_file = ca_file
        self.prefix = prefix
        self.settings = (
            _SETTINGS
            | {"WEBSUB_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "WEBSUB_KAFKA_TOPIC_PREFIX": prefix}
            | (settings or {})
        )
        properties = as_setting(
            (security or chosen()).client(), self.settings.get("WEBSUB_KAFKA_PROPERTIES", "")
        )
        if properties:
            self.settings["WEBSUB_KAFKA_PROPERTIES"] = properties
        self.programs: dict[str, Program] = {}
        for kind, count in zip(KINDS, (hubs, consolidators, dispatchers)):
            for index in range(count):
                program = Program(kind, index, self.settings, directory, ca_file)
                self.programs[program.name] = program
        self.public_url = f"{'https' if ca_file else 'http'}://127.0.0.1:{self['hub-0'].port}/hub"
        for program in self.programs.values():
            program.env["WEBSUB_HUB_PUBLIC_URL"] = self.public_url

    def __getitem__(self, name: str) -> Program:
        return self.programs[name]

    def hub(self, index: int = 0, headers: dict[str, str] | None = None) -> HubClient:
        """A client of that hub with a connection and, as headers, credentials of its own."""
        return HubClient(self[f"hub-{index}"].port, headers, ca_file=self.ca_file)

    def hubs(self) -> list[HubClient]:
        """A new client for each hub."""
        hubs = [program for program in self.programs.values() if program.kind == "hub"]
        return [HubClient(program.port, ca_file=self.ca_file) for program in hubs]

    def start(self, *names: str) -> "Suite":
        """Starts what is not running, and returns when all of it is ready."""
        self.start_without_waiting(*names)
        self.wait_ready(*names)
        return self

    def start_without_waiting(self, *names: str) -> None:
        for program in self._chosen(names):
            if not program.running:
                program.start()

    def wait_ready(self, *names: str, timeout: float = DEADLINE) -> None:
        for program in self._chosen(names):
            program.wait_ready(timeout)

    def kill(self, *names: str) -> None:
        for program in self._chosen(names):
            program.kill()

    def terminate(self, *names: str) -> None:
        """SIGTERM to all at once; each must end with exit code 0."""
        running = [program for program in self._chosen(names) if program.running]
        for program in running:
            program.signal(signal.SIGCONT)
            program.signal(signal.SIGTERM)
        for program in running:
            program.wait_terminated()

    def new_problems(self) -> list[str]:
        """See Program.new_problems."""
        return [problem for program in self.programs.values() for problem in program.new_problems()]

    def __enter__(self) -> "Suite":
        _open.append(self)
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        """Ends everything; all must end cleanly, unless a failure is under way already."""
        try:
            if not failure:
                self.terminate()
        finally:
            self.kill()
            _open.remove(self)
        problems = self.new_problems()
        assert failure or not problems, "\n".join(problems)

    def _chosen(self, names: tuple[str, ...]) -> list[Program]:
        return [self.programs[name] for name in names] if names else list(self.programs.values())
