"""A publisher's web site: pages that change, with what HTTP has for telling whether they did."""

import functools
import gzip
import hashlib

from .behaviours import Behaviour, Reply
from .subscriber import Received, Subscriber

ATOM = "application/atom+xml"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain"
JSON = "application/json"


@functools.lru_cache(maxsize=8)
def _pack(body: bytes) -> bytes:
    return gzip.compress(body)


class Page:
    """One topic. `validators`: "etag", "date" or "" for neither."""

    def __init__(self, server: Subscriber, body: bytes, content_type: str, validators: str = "etag"):
        self._endpoint = server.endpoint("page")
        self.url = self._endpoint.url
        self.body = body
        self.content_type = content_type
        self.validators = validators
        self.headers: dict[str, str] = {}
        self.packed = False
        self._version = 0
        self.restore()

    def change(self, body: bytes) -> None:
        self.body = body
        self._version += 1

    def touch(self) -> None:
        """The same content under another ETag, as after a restart of some servers."""
        self._version += 1

    def prepare(self) -> None:
        """Packs the content now."""
        _pack(self.body)

    def behave(self, behaviour: Behaviour) -> None:
        """Answers so from now on."""
        self._endpoint.on_verification = behaviour

    def restore(self) -> None:
        self._endpoint.on_verification = self.answer

    def fetches(self) -> list[Received]:
        return self._endpoint.requests()

    def describe(self) -> str:
        return self._endpoint.describe()

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:8]}-{self._version}"'

    @property
    def last_modified(self) -> str:
        return f"Tue, 24 Nov 2026 10:00:{self._version:02} GMT"

    def answer(self, received: Received) -> Reply:
        headers = dict(self.headers)
        if self.validators == "etag":
            headers["ETag"] = self.etag
            if received.header("If-None-Match") == self.etag:
                return Reply(304, headers=headers)
        if self.validators == "date":
            headers["Last-Modified"] = self.last_modified
            if received.header("If-Modified-Since") == self.last_modified:
                return Reply(304, headers=headers)
        headers["Content-Type"] = self.content_type
        body = self.body
        if self.packed:
            assert "gzip" in (received.header("Accept-Encoding") or "")
            headers["Content-Encoding"] = "gzip"
            body = _pack(body)
        return Reply(200, body, headers)
