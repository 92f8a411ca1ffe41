"""Free TCP ports on loopback."""

import os
import random
import socket

# Each worker of pytest-xdist ("gw3") has every sixteenth port to itself: a port that one has handed out
# and not yet bound must not be handed out by another. Who runs beside them says which ones it takes.
_WORKERS = 16
_CHOSEN = os.environ.get("WEBSUB_TEST_PORTS") or os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_WORKER = int(_CHOSEN.removeprefix("gw")) % _WORKERS

_handed_out: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and that was not handed out before in this process.

    It is taken from below the ephemeral range (32768 and up on Linux), so that no outgoing
    connection can grab it between now and the moment when its user binds it.
    """
    while True:
        port = random.randrange(15000 + _WORKER, 32000, _WORKERS)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
