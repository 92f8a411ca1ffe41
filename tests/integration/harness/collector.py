"""A collector of OpenTelemetry: takes OTLP/HTTP with JSON, and reads it as OTLP's own schema says."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from .behaviours import Behaviour, answer
from .subscriber import Received, Subscriber
from .wait import wait_for

# Digits of hex. JSON of protobuf has base64 for bytes; OTLP makes an exception of these.
_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
_TEXTS = {"startTimeUnixNano", "endTimeUnixNano", "intValue"}  # 64 bits: no number of JSON can hold them
_NUMBERS = {"kind", "code", "flags"}  # OTLP: enums are never names

TAKEN = answer(200, b"{}", {"Content-Type": "application/json"})


@dataclass
class Span:
    resource: dict[str, str | int]
    name: str
    kind: str
    trace: str
    id: str
    parent: str | None
    state: str
    is_parent_remote: bool
    start: int
    end: int
    attributes: dict[str, str | int]
    failed: bool
    error: str | None

    @property
    def service(self) -> str | int:
        return self.resource["service.name"]


def _check_and_convert(value: object, name: str = "") -> object:
    """To what protobuf's own parser takes; it would take more than OTLP allows."""
    if isinstance(value, dict):
        return {key: _check_and_convert(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_check_and_convert(each) for each in value]
    if name in _IDS:
        assert isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{_IDS[name]}}}", value), (name, value)
        return base64.b64encode(bytes.fromhex(value)).decode()
    assert name not in _TEXTS or isinstance(value, str), (name, value)
    assert name not in _NUMBERS or type(value) is int, (name, value)
    return value


def _attributes(of: list[KeyValue]) -> dict[str, str | int]:
    found = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of}
    assert len(found) == len(of), "an attribute occurs twice"
    return found


def _read_span(resource: dict[str, str | int], span: trace_pb2.Span) -> Span:
    flags = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    return Span(
        resource=resource,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex() or None,
        state=span.trace_state,
        is_parent_remote=span.flags & flags != 0,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        error=span.status.message or None,
    )


def read_export(body: bytes) -> Iterator[Span]:
    """What is no export of traces, or has a field that OTLP does not know, is an error."""
    export = json_format.ParseDict(_check_and_convert(json.loads(body)), ExportTraceServiceRequest())
    for of_resource in export.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            assert scope.scope.name == "websub" and scope.scope.version
            yield from (_read_span(resource, span) for span in scope.spans)


class Collector:
    """How it answers is `behaviour`, which may be replaced at any time."""

    def __init__(self) -> None:
        self._server = Subscriber()
        self._endpoint = self._server.endpoint("collector")
        self._read: dict[int, list[Span]] = {}
        self.url = self._endpoint.url
        self.behaviour = TAKEN

    @property
    def behaviour(self) -> Behaviour:
        return self._endpoint.on_delivery

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._endpoint.on_delivery = behaviour

    def requests(self) -> list[Received]:
        """Those that were taken, and the others."""
        return self._endpoint.requests()

    def spans_in(self, request: Received) -> list[Span]:
        if id(request) not in self._read:
            self._read[id(request)] = list(read_export(request.body))
        return self._read[id(request)]

    def spans(self) -> list[Span]:
        """Those that were taken."""
        return [span for each in self.requests() if each.succeeded for span in self.spans_in(each)]

    def of_message(self, message_id: str) -> dict[str, list[Span]]:
        """By name."""
        found: dict[str, list[Span]] = {}
        for span in self.spans():
            if span.attributes.get("messaging.message.id") == message_id:
                found.setdefault(span.name, []).append(span)
        return found

    def of_trace(self, trace: str, *names: str) -> list[Span]:
        """With these names, or all."""
        return [span for span in self.spans() if span.trace == trace and (not names or span.name in names)]

    def wait_trace(self, trace: str, count: int, *names: str) -> list[Span]:
        """As many spans, and no more yet, in the order of their beginnings."""
        found = wait_for(
            lambda: (spans := self.of_trace(trace, *names)) and len(spans) >= count and spans,
            lambda: f"{count} of {names or 'all'} in trace {trace}: {self.of_trace(trace)}",
        )
        assert len(found) == count, found
        return sorted(found, key=lambda span: span.start)

    def close(self) -> None:
        self._server.stop()
