"""A subscriber's server with TLS, which speaks HTTP/2 with those that offer it."""

import contextlib
import socketserver
import ssl
import threading
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame

from .behaviours import Reply
from .subscriber import Received, Subscriber, _Handler, _Server


class _Http2Handler(socketserver.BaseRequestHandler):
    """One connection; each of its streams is answered by a thread of its own."""

    server: "_TlsServer"

    def setup(self) -> None:
        self._lock = threading.Lock()
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[list, bytearray]] = {}
        self._last_stream: int | None = None  # set: those above it are ignored

    def handle(self) -> None:
        self.server.subscriber.connections.append(self)
        with contextlib.suppress(OSError, ProtocolError):
            self._exchange(self._h2.initiate_connection)
            while data := self.request.recv(65536):
                with self._lock:
                    events = self._h2.receive_data(data)
                    self.request.sendall(self._h2.data_to_send())
                for event in events:
                    self._take(event)

    def go_away(self) -> None:
        """Accepts no further streams, and answers those that are there.

        The frame is written by hand: H2Connection.close_connection would answer none any more.
        """
        with self._lock:
            self._last_stream = self._h2.highest_inbound_stream_id
            self.request.sendall(GoAwayFrame(0, last_stream_id=self._last_stream).serialize())

    def _exchange(self, step, *arguments) -> None:
        with self._lock:
            step(*arguments)
            self.request.sendall(self._h2.data_to_send())

    def _take(self, event) -> None:
        if self._last_stream is not None and getattr(event, "stream_id", 0) > self._last_stream:
            return
        if isinstance(event, RequestReceived):
            self._requests[event.stream_id] = (event.headers, bytearray())
        elif isinstance(event, DataReceived):
            self._requests[event.stream_id][1].extend(event.data)
            self._exchange(self._h2.acknowledge_received_data, event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = self._requests.pop(event.stream_id)
            arguments = (event.stream_id, headers, bytes(body))
            threading.Thread(target=self._answer, args=arguments, daemon=True).start()
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id, None)
        elif isinstance(event, ConnectionTerminated):
            self.request.close()

    def _answer(self, stream: int, headers: list, body: bytes) -> None:
        pseudo = {name: value for name, value in headers if name.startswith(":")}
        plain = [(name, value) for name, value in headers if not name.startswith(":")]
        received = Received(pseudo[":method"], pseudo[":path"], plain, body)
        reply = self.server.subscriber.handle(received)
        try:
            with contextlib.suppress(OSError, ProtocolError):
                self._exchange(self._send, stream, reply)
        finally:
            received.answered = True

    def _send(self, stream: int, reply: Reply | None) -> None:
        if reply is None:
            self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            return
        fields = [(name.lower(), value) for name, value in reply.headers.items()]
        self._h2.send_headers(stream, [(":status", str(reply.status)), *fields])
        self._h2.send_data(stream, reply.body, end_stream=True)


class _TlsServer(_Server):
    subscriber: "TlsSubscriber"

    def get_request(self):
        connection, address = super().get_request()
        context = self.subscriber.context
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def finish_request(self, request, client_address) -> None:
        """In the connection's thread, which the handshake may keep waiting."""
        request.do_handshake()
        handler = _Http2Handler if request.selected_alpn_protocol() == "h2" else _Handler
        self.subscriber.protocols.append(request.selected_alpn_protocol())
        handler(request, client_address, self)


class TlsSubscriber(Subscriber):
    """`protocols`: of each connection whose handshake was completed, None where none was agreed on.

    A behaviour that answers nothing resets its stream, where a connection has streams.
    """

    scheme = "https"

    def __init__(self, identity: Path, protocols: tuple[str, ...] = ("h2", "http/1.1")):
        self._offered = protocols
        self.protocols: list[str | None] = []
        self.connections: list[_Http2Handler] = []
        self.identify(identity)
        super().__init__()

    def identify(self, identity: Path) -> None:
        """Shows this certificate to connections from now on."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity)
        self.context.set_alpn_protocols(self._offered)

    def go_away(self) -> None:
        for connection in self.connections:
            with contextlib.suppress(OSError, ProtocolError):
                connection.go_away()

    def _new_server(self) -> _TlsServer:
        return _TlsServer(self.port, self)
