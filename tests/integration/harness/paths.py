"""Where things lie: the repository, the programs under test, Kafka's jars, others' clients."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
KAFKA_LIBS = REPOSITORY / "build" / "tests" / "kafka" / "libs"
# Others' clients: see get_clients in tests/prepare.sh.
MOSIP_CLIENTS = REPOSITORY / "build" / "tests" / "mosip"
NODE_CLIENTS = REPOSITORY / "build" / "tests" / "node"
CLIENT_DRIVERS = REPOSITORY / "tests" / "clients"
# The programs of the version to upgrade from: see build_previous in tests/prepare.sh.
PREVIOUS_VERSION = REPOSITORY / "tests" / "deployment" / "previous-version"
PREVIOUS = REPOSITORY / "build" / "tests" / "previous"


def bin_dir() -> Path:
    """The folder of the programs under test: WEBSUB_BIN_DIR, or the release build."""
    chosen = os.environ.get("WEBSUB_BIN_DIR")
    return Path(chosen).resolve() if chosen else REPOSITORY / "build" / "bin"
