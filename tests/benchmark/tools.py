"""The benchmark's own C programs (programs/*.c) as objects."""

import http.client
import json
import os
import subprocess
from pathlib import Path

from harness.kafka_security import as_items
from harness.paths import REPOSITORY
from harness.ports import free_port
from harness.process import ManagedProcess
from harness.wait import wait_for

# Whatever a program is told to do, it has answered or ended so long after the time it was given.
GRACE = 60.0


def program(name: str) -> str:
    """WEBSUB_BENCH_DIR is set by tests/bench to where it has built them."""
    folder = os.environ.get("WEBSUB_BENCH_DIR", REPOSITORY / "build" / "release" / "tests" / "benchmark")
    return str(Path(folder) / f"bench-{name}")


def _finish(name: str, child: subprocess.Popen, timeout: float) -> dict:
    """Waits for its end and returns what it printed."""
    try:
        output, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise AssertionError(f"bench-{name} did not end within {timeout:g} s") from None
    assert child.returncode == 0, f"bench-{name} ended with {child.returncode}"
    return json.loads(output)


def _start(name: str, *arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen:
    # The kernel kills it when we end, however that happens.
    argv = ["setpriv", "--pdeathsig", "KILL", "--", program(name), *map(str, arguments)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


class Sink:
    """bench-sink on one or more ports; each port counts as a host of its own for the dispatcher."""

    def __init__(self, directory: Path, ports: int = 1):
        self.ports = [free_port() for _ in range(ports)]
        arguments = [word for port in self.ports for word in ("--port", str(port))]
        name = f"sink-{self.ports[0]}"
        self.process = ManagedProcess(name, [program("sink"), *arguments], directory / f"{name}.log")
        self._connection: http.client.HTTPConnection | None = None

    def start(self) -> None:
        self.process.start()
        wait_for(self._answers, f"{self.process.name} answers")

    def stop(self) -> None:
        """Its ports refuse connections until it is started again."""
        if self._connection:
            self._connection.close()
        self._connection = None
        self.process.kill()

    def __enter__(self) -> "Sink":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, path: str, port: int = 0) -> str:
        return f"http://127.0.0.1:{self.ports[port]}/{path}"

    def report(self) -> dict:
        return json.loads(self._get("/report"))

    def reset(self) -> None:
        self._get("/reset")

    def wait_deliveries(self, count: int, timeout: float = GRACE) -> dict:
        """Waits for so many since the last reset, and returns the report."""
        report = {}

        def arrived() -> bool:
            report.update(self.report())
            return report["deliveries"] >= count

        wait_for(arrived, lambda: f"{count} deliveries, there are {report['deliveries']}", timeout)
        return report

    def _get(self, path: str) -> bytes:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=GRACE)
        self._connection.request("GET", path)
        return self._connection.getresponse().read()

    def _answers(self) -> bool:
        try:
            return bool(self.report())
        except OSError:
            self._connection = None
            return False


class Publishing:
    """bench-publish under way; see `bench-publish --help`. Ended when the block is left."""

    def __init__(self, port: int, topic: str, *arguments: object):
        self._child = _start("publish", "--port", port, "--topic", topic, *arguments)

    def demand(self, count: int) -> None:
        """With --on-demand: so many more."""
        self._child.stdin.write(f"{count}\n")
        self._child.stdin.flush()

    def finish(self, within: float = 0.0) -> dict:
        """Waits until it has ended, at most so long and some grace; what it printed."""
        return _finish("publish", self._child, within + GRACE)

    def __enter__(self) -> "Publishing":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.communicate()


def publish(port: int, topic: str, *arguments: object, seconds: float = 0.0) -> dict:
    """Runs bench-publish to its end: for so many seconds, or as the other arguments say."""
    limit = ("--seconds", seconds) if seconds else ()
    with Publishing(port, topic, *limit, *arguments) as publishing:
        return publishing.finish(seconds)


def blast(url: str, seconds: float) -> dict:
    """The baseline of deliveries."""
    return _finish("blaster", _start("blaster", "--seconds", seconds, url), seconds + GRACE)


def seed(env: dict[str, str], *arguments: object) -> dict:
    """Writes state records; `env` is that of the suite, which must not run."""
    return _finish("seed", _start("seed", *arguments, env=env), 300)


class Ingest:
    """bench-ingest, the baseline of publishing, on a Kafka topic that exists."""

    def __init__(self, directory: Path, client: dict[str, str], kafka_topic: str):
        """client: KafkaBroker.client."""
        self.port = free_port()
        kafka = [word for item in as_items(client) for word in ("--kafka", item)]
        argv = [program("ingest"), *kafka, "--topic", kafka_topic, "--port", str(self.port)]
        self.process = ManagedProcess("ingest", argv, directory / "ingest.log")

    def __enter__(self) -> "Ingest":
        self.process.start()
        self.process.wait_for_log("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
