"""Malformed HTTP requests without end, the same for the same seed, none of which may have an effect."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
HOST = b"Host: hub\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class End(Enum):
    """What the client does when it has sent everything."""

    READ = auto()  # waits until an answer begins, or the hub closes: one of them must happen
    GLANCE = auto()  # waits a little, as nobody can say whether the request is complete
    HALF_CLOSE = auto()  # closes its sending side, and reads to the end
    CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True)
class Malformed:
    kind: str
    data: bytes
    end: End
    # The first of several requests may be a good one that changes nothing.
    may_succeed: bool = False


class Generator:
    """Where only the framing is broken, the request would else be a good publication to `topic`. Where a
    server may be lenient (bare LF, folded headers, odd methods), it lacks a parameter."""

    def __init__(self, seed: int, topic: str):
        self._random = random.Random(seed)
        self._publish = f"/hub?hub.mode=publish&hub.topic={quote(topic, safe='')}".encode()
        self._useless = b"/hub?hub.mode=subscribe&hub.topic=a"
        self._kinds: list[Callable[[], Malformed]] = [
            self._request_line,
            self._version,
            self._method,
            self._chunks,
            self._length,
            self._framing_twice,
            self._smuggled,
            self._huge_header,
            self._many_headers,
            self._control_in_header,
            self._bare_lf,
            self._folded,
            self._encoding,
            self._many_fields,
            self._pipelined,
            self._cut,
            self._mutated,
            self._noise,
        ]

    def __iter__(self) -> Iterator[Malformed]:
        while True:
            for kind in self._kinds:
                yield kind()

    def _bytes(self, least: int, most: int) -> bytes:
        return self._random.randbytes(self._random.randint(least, most))

    def _line(self, least: int = 1, most: int = 40) -> bytes:
        """Bytes that end no line."""
        return bytes(byte for byte in self._bytes(least, most) if byte not in b"\r\n") or b"?"

    def _request_line(self) -> Malformed:
        line = self._random.choice(
            [
                self._line(),
                b"POST",
                b"POST /hub",
                b" POST /hub HTTP/1.1",
                b"POST  HTTP/1.1",
                b"POST\t/hub\tHTTP/1.1",
                b"POST /hub\x00 HTTP/1.1",
                b"POST /hub HTTP/1.1 " + self._line(),
                b"POST /" + self._line() + b" HTTP/1.1",
                b"POST http://[::1/hub HTTP/1.1",
                b"PRI * HTTP/2.0",
                b"\x16\x03\x01" + self._line(40, 200),
                b"POST /hub?" + b"x" * self._random.randint(30_000, 100_000) + b" HTTP/1.1",
            ]
        )
        return Malformed("request line", line + b"\r\n" + HOST + b"\r\n", End.READ)

    def _version(self) -> Malformed:
        version = self._random.choice(
            [b"HTTP/9.9", b"HTTP/1.99999999999", b"HTTP/-1.1", b"http/1.1", b"HTTP/", b"HTTP/1", b"ICY"]
        )
        return Malformed("version", b"POST %s %s\r\n%s\r\n" % (self._useless, version, HOST), End.READ)

    def _method(self) -> Malformed:
        method = self._random.choice(
            [b"BREW", b"post", b"TRACE", b"CONNECT", b"M" * self._random.randint(1, 5000), b"\x7f!#$%&"]
        )
        return Malformed("method", b"%s %s HTTP/1.1\r\n%s\r\n" % (method, self._useless, HOST), End.READ)

    def _chunks(self) -> Malformed:
        body = self._random.choice(
            [
                b"xyz\r\nabc\r\n0\r\n\r\n",
                b"-5\r\nhello\r\n0\r\n\r\n",
                b"0x5\r\nhello\r\n0\r\n\r\n",
                b"5\r\nhello!!!\r\n0\r\n\r\n",
                b"fffffffffffffffff\r\nhello",
                b"5" + b"0" * self._random.randint(20, 400) + b"\r\nhello",
                b"\r\nhello\r\n0\r\n\r\n",
                b" 5\r\nhello\r\n0\r\n\r\n",
                b"5\r\nhello0\r\n\r\n\r\n",
            ]
        )
        return Malformed("chunks", self._publication(CHUNKED, body), End.GLANCE)

    def _length(self) -> Malformed:
        value = self._random.choice(
            [b"x", b"-1", b"5x", b"0x5", b"5,5", b"5 5", b"", b"\x00", b"9" * self._random.randint(20, 300)]
        )
        return Malformed("length", self._publication(b"Content-Length: %s\r\n" % value), End.GLANCE)

    def _framing_twice(self) -> Malformed:
        headers = [
            b"Content-Length: 5\r\n",
            b"Content-Length: 6\r\n",
            CHUNKED,
            b"Transfer-Encoding: gzip\r\n",
        ]
        first, second = self._random.sample(headers, 2)
        return Malformed("framing twice", self._publication(first + second), End.READ)

    def _smuggled(self) -> Malformed:
        """A good publication behind a request whose end is in doubt."""
        hidden = self._publication(b"Content-Length: 5\r\n")
        framing = self._random.choice(
            [CHUNKED + b"Content-Length: 0\r\n", b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(hidden)]
        )
        request = self._publication(framing, b"0\r\n\r\n" + hidden)
        method = self._random.choice([b"POST", b"PUT", b"DELETE", b"GET", b"BREW"])
        return Malformed("smuggled", request.replace(b"POST", method, 1), End.READ)

    def _huge_header(self) -> Malformed:
        value = b"x" * self._random.randint(100_000, 1_000_000)
        return Malformed(
            "huge header", self._publication(b"X: %s\r\nContent-Length: 5\r\n" % value), End.READ
        )

    def _many_headers(self) -> Malformed:
        headers = b"X: 1\r\n" * self._random.randint(5000, 50_000)
        return Malformed("many headers", self._publication(headers + b"Content-Length: 5\r\n"), End.READ)

    def _control_in_header(self) -> Malformed:
        byte = bytes([self._random.choice([0, 1, 7, 11, 27, 127])])
        headers = b"Content-Type: text/%splain\r\nX%s: %s\r\n" % (byte, byte, byte)
        request = b"POST %s HTTP/1.1\r\n%s%sContent-Length: 0\r\n\r\n" % (self._useless, HOST, headers)
        return Malformed("control character", request, End.READ)

    def _bare_lf(self) -> Malformed:
        request = b"POST %s HTTP/1.1\r\n%sContent-Length: 0\r\n\r\n" % (self._useless, HOST)
        return Malformed("bare LF", request.replace(b"\r\n", self._random.choice([b"\n", b"\r"])), End.GLANCE)

    def _folded(self) -> Malformed:
        fold = self._random.choice([b"\r\n ", b"\r\n\t", b"\r\n   \r\n "])
        headers = b"X: a%sb\r\nContent-Length:%s0\r\n" % (fold, fold)
        return Malformed(
            "folded", b"POST %s HTTP/1.1\r\n%s%s\r\n" % (self._useless, HOST, headers), End.GLANCE
        )

    def _encoding(self) -> Malformed:
        broken = self._random.choice(
            [b"%", b"%4", b"%zz", b"%00", b"\x00", b"%ff%fe", b"%c0%af", b"%ed%a0%80", b"%e2%82", b"\xff\xfe"]
        )
        body = b"hub.mode=register&hub.topic=a" + broken
        request = b"POST /hub HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s" % (HOST, FORM, len(body), body)
        return Malformed("encoding", request, End.READ)

    def _many_fields(self) -> Malformed:
        body = b"&".join(b"x%d=1" % number for number in range(self._random.randint(1000, 10_000)))
        body += b"&hub.mode=register&hub.topic=a"
        request = b"POST /hub HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s" % (HOST, FORM, len(body), body)
        return Malformed("many fields", request, End.READ)

    def _pipelined(self) -> Malformed:
        first = b"GET /healthz HTTP/1.1\r\n%s\r\n" % HOST
        useless = b"POST %s HTTP/1.1\r\n%sContent-Length: 0\r\n\r\n" % (self._useless, HOST)
        requests = first + useless * self._random.randint(1, 50) + self._line() + b"\r\n\r\n"
        return Malformed("pipelined", requests, End.READ, may_succeed=True)

    def _cut(self) -> Malformed:
        request = self._publication(b"Content-Length: 5\r\n")
        cut = request[: self._random.randrange(len(request))]
        return Malformed("cut", cut, self._random.choice([End.HALF_CLOSE, End.CLOSE, End.RESET]))

    def _mutated(self) -> Malformed:
        request = bytearray(b"POST %s HTTP/1.1\r\n%sContent-Length: 5\r\n\r\nhello" % (self._useless, HOST))
        for _ in range(self._random.randint(1, 8)):
            request[self._random.randrange(len(request))] = self._random.randrange(256)
        return Malformed("mutated", bytes(request), End.GLANCE)

    def _noise(self) -> Malformed:
        return Malformed("noise", self._bytes(1, 2000), End.HALF_CLOSE)

    def _publication(self, framing: bytes, body: bytes = b"hello") -> bytes:
        return b"POST %s HTTP/1.1\r\n%sContent-Type: text/plain\r\n%s\r\n%s" % (
            self._publish,
            HOST,
            framing,
            body,
        )
