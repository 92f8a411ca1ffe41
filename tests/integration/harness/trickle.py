"""A web server whose content comes a byte at a time and never ends."""

import contextlib
import socketserver
import threading

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        trickle: Trickle = self.server.trickle
        self.request.recv(4096)
        with contextlib.suppress(OSError):
            self.request.sendall(_HEAD)
            while not trickle.ending.wait(0.05):
                self.request.sendall(b"1\r\nx\r\n")
                trickle.sent += 1


class Trickle:
    """A context manager."""

    def __init__(self) -> None:
        self.sent = 0
        self.ending = threading.Event()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.trickle = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/endless"

    def __enter__(self) -> "Trickle":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
