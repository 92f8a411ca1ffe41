"""One real Apache Kafka broker (KRaft, single node), made small and quick to start.

By hand, without any Python package: `python3 -m harness.kafka --port 9092 --dir /tmp/kafka` from
tests/integration runs a broker in the foreground until SIGTERM or Ctrl-C.
"""

import argparse
import signal
import subprocess
from pathlib import Path

from .kafka_security import Security, chosen
from .paths import KAFKA_LIBS
from .ports import free_port
from .process import ManagedProcess

_READY = "Kafka Server started"

_CLUSTER_ID = "d2Vic3ViLXRlc3RzLWthZg"

_JAVA = [
    "java",
    # A broker that lives for a minute gains nothing from the optimising compiler but loses a core to it.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-cp",
    f"{KAFKA_LIBS}/*",
]

_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:{protocol},CONTROLLER:PLAINTEXT
log.dirs={data}
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
# The programs create their topics themselves; a broker that does it for them would hide a mistake.
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After kill -9 the controller lets the broker in again only when its old session has ended.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class KafkaBroker:
    """start, stop, kill, restart with the same data on the same port.

    `client`: what a client of it needs, as librdkafka's properties. `heap`: its least and its greatest.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        security: Security | None = None,
        heap: tuple[str, str] = ("128m", "512m"),
    ):
        self.port = port or free_port()
        self._security = security or chosen()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.client = {"bootstrap.servers": self.bootstrap} | self._security.client()
        directory.mkdir(parents=True, exist_ok=True)
        self._settings = directory / "server.properties"
        self._data = directory / "data"
        self._settings.write_text(
            _SETTINGS.format(
                port=self.port,
                protocol=self._security.protocol,
                controller_port=free_port(),
                data=self._data,
            )
            + self._security.broker_settings()
        )
        least, most = heap
        self.process = ManagedProcess(
            "kafka",
            [*_JAVA, f"-Xms{least}", f"-Xmx{most}", "kafka.Kafka", str(self._settings)],
            directory / "kafka.log",
        )

    def start(self, timeout: float = 120.0) -> None:
        """Formats the storage at the first start, and returns when the broker serves clients."""
        self.start_without_waiting()
        self.wait_ready(timeout)

    def start_without_waiting(self) -> None:
        if not (self._data / "meta.properties").exists():
            self._format()
        self.process.start()

    def wait_ready(self, timeout: float = 120.0) -> None:
        self.process.wait_for_log(_READY, timeout)

    def serves(self) -> bool:
        """What wait_ready waits for, for those who do something else meanwhile."""
        assert self.process.running, f"Kafka ended with {self.process.returncode}{self.process.tail()}"
        return _READY in self.process.log()

    def stop(self, timeout: float = 30.0) -> None:
        """A clean shutdown; kills it if that takes too long, as a broker is not what is tested."""
        if not self.process.running:
            return
        self.process.signal(signal.SIGCONT)
        self.process.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except AssertionError:
            self.process.kill()

    def kill(self) -> None:
        self.process.kill()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def _format(self) -> None:
        assert any(KAFKA_LIBS.glob("kafka_*.jar")), f"no Kafka in {KAFKA_LIBS}: run tests/run first"
        done = subprocess.run(
            [*_JAVA, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._settings)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"formatting Kafka's storage failed:\n{done.stdout}{done.stderr}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m harness.kafka", description="Run one Kafka broker.")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--dir", type=Path, required=True, help="settings, data and log; reused if it exists")
    arguments = parser.parse_args()
    broker = KafkaBroker(arguments.dir.resolve(), arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        broker.start()
        print(f"Kafka is ready on {broker.bootstrap}, its log is {broker.process.log_path}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
