"""Users with passwords: the file that auth.basic_users_file names, and what its users send."""

import base64
import os
import subprocess
from pathlib import Path

from . import planted

# All of the same hash: what a test is about are names, roles, and whether the password is right.
PASSWORD = planted.secret("password")


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    """The header of RFC 7617."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def sha512_hash(password: str = PASSWORD) -> str:
    """As the documentation says how to make one."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()


class UsersFile:
    """Users and their roles; `extra` lines are taken as they are."""

    def __init__(self, path: Path, users: dict[str, str], extra: str = ""):
        self.path = path
        self._hash = sha512_hash()
        self.write(users, extra)

    def line(self, name: str, roles: str = "") -> str:
        return f"{name}:{self._hash}:{roles}\n"

    def write(self, users: dict[str, str], extra: str = "") -> None:
        self.replace("".join(self.line(name, roles) for name, roles in users.items()) + extra)

    def replace(self, text: str) -> None:
        """Puts another text in its place at once, as an operator should."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)

    def settings(self) -> dict[str, str]:
        return {"WEBSUB_AUTH_MODE": "basic", "WEBSUB_AUTH_BASIC_USERS_FILE": str(self.path)}
