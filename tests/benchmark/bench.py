"""What all rows share: the folder, the broker, the installations, how long things may take."""

import itertools
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from confluent_kafka.admin import AdminClient, NewTopic

from harness.kafka import KafkaBroker
from harness.suite import Suite
from harness.wait import wait_for

from . import tools
from .table import Row, not_run

# The defaults of the programs, where the harness sets others for its tests.
_SETTINGS = {
    "WEBSUB_KAFKA_PARTITIONS": "32",
    "WEBSUB_RETRY_MIN_INTERVAL": "500ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "10m",
    "WEBSUB_LOG_LEVEL": "info",
}

SECRET = "benchmark-secret"

T = TypeVar("T")


class Bench:
    """Handed to every group of rows."""

    def __init__(self, directory: Path, quick: bool):
        self.directory = directory
        self.quick = quick
        # The heap that Kafka's own start script gives it: in a small one that grows, the collector halts the
        # broker for a tenth of a second now and then.
        self.kafka = KafkaBroker(directory / "kafka", heap=("1g", "1g"))
        self.rows: list[Row] = []
        self._suites = itertools.count(1)
        self._topics = itertools.count(1)
        self._started = time.monotonic()

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.say(f"{row.what}: {row.measured} {row.ratio}")

    def attempt(self, what: str, step: Callable[..., T], *arguments: object) -> T | None:
        """Calls step(self, *arguments). A step that fails costs its own rows only: the table says so."""
        self.say(f"… {what}")
        try:
            return step(self, *arguments)
        except Exception as error:
            traceback.print_exc()
            self.add(not_run(what, str(error).partition("\n")[0][:80]))
            return None

    def say(self, text: str) -> None:
        """Progress, on stderr: the table alone is on stdout."""
        print(f"[{time.monotonic() - self._started:5.0f} s] {text}", file=sys.stderr, flush=True)

    def suite(self, settings: dict[str, str] | None = None, **counts: int) -> Suite:
        """A fresh installation with Kafka topics of its own; not started yet."""
        number = next(self._suites)
        return Suite(
            self.kafka.bootstrap,
            self.directory / f"suite-{number}",
            f"bench{number}-",
            settings=_SETTINGS | (settings or {}),
            **counts,
        )

    def sink(self, ports: int = 1) -> tools.Sink:
        return tools.Sink(self.directory, ports)

    def seed(self, suite: Suite, *arguments: object) -> dict:
        """Runs bench-seed for a suite that must not run at the moment."""
        assert not any(program.running for program in suite.programs.values())
        return tools.seed(suite["hub-0"].env, *arguments)

    def plain_kafka_topic(self) -> str:
        """A new Kafka topic with one partition, which is none of a suite's."""
        name = f"plain-{next(self._topics)}"
        admin = AdminClient(self.kafka.client)
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
        return name

    def topic(self) -> str:
        return f"http://publisher.example/bench/{next(self._topics)}"

    def close(self) -> None:
        self.kafka.stop()


def stamped(text: str = "") -> bytes:
    """A body that bench-sink can tell the age of."""
    return f"{time.time_ns():020d}{text}".encode()


def subscribe(suite: Suite, topic: str, callbacks: list[str]) -> None:
    hub = suite.hub()
    for callback in callbacks:
        hub.subscribe(topic, callback, SECRET).check_accepted(202)
    hub.close()


def wait_active(
    suite: Suite, sink: tools.Sink, topic: str, count: int, patience: float = 1.0, timeout: float = 60.0
) -> None:
    """Returns when a message reaches all `count` subscriptions of the topic and nothing is under way.

    patience: how long one message may take to all of them before the next one is tried.
    """
    hub = suite.hub()

    def reaches_all() -> bool:
        sink.reset()
        hub.publish(topic, stamped()).check_accepted()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if sink.report()["paths"] >= count:
                return True
            time.sleep(0.02)
        return False

    wait_for(reaches_all, f"{count} subscriptions of {topic} are served", timeout)
    hub.close()
    wait_quiet(sink)
    sink.reset()


def wait_quiet(sink: tools.Sink, quiet: float = 0.5, timeout: float = 60.0) -> None:
    """Returns when nothing has arrived for so long."""
    last = [-1, 0.0]

    def is_quiet() -> bool:
        arrived = sink.report()["deliveries"]
        if arrived != last[0]:
            last[:] = [arrived, time.monotonic()]
        return time.monotonic() - last[1] > quiet

    wait_for(is_quiet, "deliveries end", timeout, pause=0.05)
