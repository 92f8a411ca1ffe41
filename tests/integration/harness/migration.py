"""websub migrate-mosip, as an operator runs it for one suite and one old hub."""

import json
import re
import subprocess
from pathlib import Path

from . import planted
from .kafka import KafkaBroker
from .kafka_security import as_setting
from .paths import bin_dir
from .program import clean_environment
from .suite import Suite


class Migration:
    """client: properties for both Kafkas, if they are not the suite's and the broker's own."""

    def __init__(self, suite: Suite, old: KafkaBroker, directory: Path, client: dict[str, str] | None = None):
        properties = directory / "old.properties"
        client_of_old = client or old.client
        rest = {name: value for name, value in client_of_old.items() if name != "bootstrap.servers"}
        properties.write_text("".join(f"{name}={value}\n" for name, value in rest.items()))
        self._argv = [bin_dir() / "websub", "migrate-mosip", "--old-servers", old.bootstrap]
        self._argv += ["--old-properties", properties]
        of_new = {"WEBSUB_KAFKA_PROPERTIES": as_setting(client)} if client else {}
        self._env = clean_environment(suite.settings | of_new)

    def run(
        self, *arguments: str, settings: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self._argv, *arguments],
            env=self._env | (settings or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert planted.MARK not in done.stdout + done.stderr
        return done

    def report(self, *arguments: str, code: int = 0, settings: dict[str, str] | None = None) -> dict:
        """The report of a run that ends with this code."""
        done = self.run("--json", *arguments, settings=settings)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def kill_when_it_says(self, pattern: str) -> None:
        """kill -9 as soon as a line of its progress matches."""
        with subprocess.Popen(self._argv, env=self._env, stderr=subprocess.PIPE, text=True) as process:
            said = []
            for line in process.stderr:
                said.append(line)
                if re.search(pattern, line):
                    break
            process.kill()
        assert re.search(pattern, said[-1]), said
