"""An installation whose programs are of the previous version or of this one, each as it is told."""

from pathlib import Path

import pytest

from harness.paths import PREVIOUS, PREVIOUS_VERSION, bin_dir
from harness.suite import Suite

OLD, NEW = "old", "new"


def previous_programs() -> Path:
    """The folder of the previous version's programs; skips the test where they were not built."""
    commit = PREVIOUS_VERSION.read_text().strip()
    folder = PREVIOUS / commit / "bin"
    if not folder.is_dir():
        pytest.skip(f"the previous version, {commit}, is not built: tests/run builds it from the history")
    return folder


class Installation:
    """A suite whose programs are all of the previous version at first; none runs yet."""

    def __init__(self, suite: Suite):
        self.suite = suite
        self._folders = {OLD: previous_programs(), NEW: bin_dir()}
        for program in suite.programs.values():
            program.take_from(self._folders[OLD])

    def names(self, kind: str) -> list[str]:
        return [name for name, program in self.suite.programs.items() if program.kind == kind]

    def choose(self, version: str, name: str) -> None:
        """From its next start on."""
        self.suite[name].take_from(self._folders[version])

    def replace(self, version: str, name: str) -> None:
        """SIGTERM; then the other version is started, and ready when this returns."""
        if self.suite[name].running:
            self.suite[name].terminate()
        self.choose(version, name)
        self.suite.start(name)

    def logged(self, what: str) -> list[str]:
        """The lines with this text that the programs wrote, over all their starts."""
        return [
            f"{name}: {line}"
            for name, program in self.suite.programs.items()
            for line in program.log_path.read_text().splitlines()
            if what in line
        ]

    def check_logs(self) -> None:
        """Nobody met an error, or a record that it could not read."""
        for what in ('"level":"error"', '.malformed"'):
            lines = self.logged(what)
            assert not lines, "\n".join(lines[:20])
