"""A listener that nobody may connect to: it notes who does."""

import contextlib
import socket
import threading


class Trap:
    """`callers` has the first line of what each connection sent, "" when nothing came.

    Listens on every address of this machine unless told which, IPv6 included.
    """

    def __init__(self, address: str = "::", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server(
            (address, port), family=family, dualstack_ipv6=address == "::", backlog=128
        )
        self.port = self._socket.getsockname()[1]
        self.callers: list[str] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            line = b""
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                line = connection.recv(4096).partition(b"\r\n")[0]
            self.callers.append(line.decode("latin-1"))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
