"""Names that mean what a test says, for the real resolver of one program.

The program runs in a mount namespace of its own, where /etc/hosts is a file of the test's and nobody
else is asked. The C library reads it again at each look-up.
"""

import subprocess
from pathlib import Path

_SIZE = 16384
_SCRIPT = 'for file in hosts nsswitch.conf host.conf; do mount --bind "$1/$file" "/etc/$file"; done && shift'


class Names:
    """To be set before the program starts, and changed at any time."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._names: dict[str, list[str]] = {"localhost": ["127.0.0.1", "::1"]}
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hosts").write_bytes(b" " * _SIZE)
        (directory / "nsswitch.conf").write_text("hosts: files\n")
        (directory / "host.conf").write_text("multi on\n")
        self._write()

    @property
    def command(self) -> list[str]:
        """To be put before a command line, so that these names hold for it."""
        return ["unshare", "--mount", "sh", "-ec", f'{_SCRIPT} && exec "$@"', "sh", str(self._directory)]

    def point(self, name: str, *addresses: str) -> None:
        self._names[name] = list(addresses)
        self._write()

    def resolve(self, name: str) -> set[str]:
        """What the program gets."""
        done = subprocess.run(
            [*self.command, "getent", "ahosts", name], capture_output=True, text=True, timeout=30
        )
        return {line.split()[0] for line in done.stdout.splitlines()}

    def why_not(self) -> str:
        """Why this cannot work here; "" when it can."""
        done = subprocess.run(
            [*self.command, "getent", "ahosts", "localhost"], capture_output=True, text=True, timeout=30
        )
        return "" if done.returncode == 0 else f"no mount namespaces here: {done.stderr.strip()}"

    def _write(self) -> None:
        """In place, as the bind mount keeps to the file; in one piece, as it may be being read."""
        lines = [f"{address} {name}\n" for name, addresses in self._names.items() for address in addresses]
        content = "".join(lines).encode()
        assert len(content) < _SIZE
        with open(self._directory / "hosts", "r+b", buffering=0) as file:
            assert file.write(content.ljust(_SIZE, b"\n")) == _SIZE
