"""Publishes a second, and what each costs the hub, against the bare ingest server."""

from . import tools
from .bench import Bench
from .table import Row
from .usage import CpuMeter

CONNECTIONS = 64
WARM_UP_SECONDS = 2.0


def compare(bench: Bench, seconds: float) -> None:
    """The same load on the bare ingest server and on a hub in turn; nobody is subscribed."""
    plain = bench.plain_kafka_topic()
    with tools.Ingest(bench.directory, bench.kafka.client, plain) as ingest, bench.suite() as suite:
        suite.start()
        topic = bench.topic()
        suite.hub().register(topic).check_accepted()
        hub = suite["hub-0"]
        bare = Server(ingest.port, "baseline", ingest.process.pid)
        ours = Server(hub.port, topic, hub.pid)
        for server in (bare, ours):
            server.warm_up()
        for server in (bare, ours, ours, bare):
            server.publish(seconds / 2)
    bench.add(
        Row(
            f"baseline: bare ingest server, {CONNECTIONS} connections",
            f"{bare.per_second:,.0f} publishes/s, {bare.cpu_us:.1f} µs CPU each",
        )
    )
    bench.add(
        Row(
            f"publishes, {CONNECTIONS} connections",
            f"{ours.per_second:,.0f}/s",
            f"{ours.per_second / bare.per_second:.2f} × bare",
        )
    )
    cost = ours.cpu_us / bare.cpu_us
    bench.add(Row("CPU per publish", f"{ours.cpu_us:.1f} µs", f"{cost:.2f} × bare", "≤ 1.3 ×", cost <= 1.3))


class Server:
    """What one server makes of as many publishes as it can take, over several runs."""

    def __init__(self, port: int, topic: str, pid: int, *arguments: str):
        """`arguments`: more of bench-publish."""
        self._load = (port, topic, "--connections", CONNECTIONS, *arguments)
        self._pid = pid
        self._accepted = 0
        self._seconds = 0.0
        self._cpu_seconds = 0.0

    def warm_up(self) -> None:
        tools.publish(*self._load, seconds=WARM_UP_SECONDS)

    def publish(self, seconds: float) -> None:
        meter = CpuMeter(self._pid)
        published = tools.publish(*self._load, seconds=seconds)
        assert published["accepted"] > 0, f"nothing was accepted: {published}"
        self._accepted += published["accepted"]
        self._seconds += published["seconds"]
        self._cpu_seconds += meter.seconds(self._pid)

    @property
    def per_second(self) -> float:
        return self._accepted / self._seconds

    @property
    def cpu_us(self) -> float:
        return self._cpu_seconds * 1e6 / self._accepted
