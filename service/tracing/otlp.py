"""Spans recorded by OpenTelemetry's SDK and exported by OTLP over HTTP. Loads the SDK.

The provider is this object's own, not the process's: libraries that look for a global one, as
FastAPI does, find none and stay silent.
"""

from __future__ import annotations

import os
import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from service.tracing.context import TraceContext
from service.tracing.spans import Attributes, Kind, Span

_KINDS = {kind: SpanKind[kind.name] for kind in Kind}


class OtlpTracing:
    """See :class:`service.tracing.spans.Tracing`. What the collector does not take is dropped: the
    queue is bounded, and nothing waits for it."""

    def __init__(self, endpoint: str, service_name: str) -> None:
        resource = Resource.create(
            {
                "service.name": service_name,
                "service.namespace": "polarizer",
                "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("polarizer")

    def root(
        self,
        name: str,
        parent: TraceContext | None,
        *,
        kind: Kind,
        start_ns: int | None = None,
    ) -> Span:
        remote = _remote(parent) if parent is not None else None
        return _Recorded(self._tracer, name, remote, kind, start_ns)

    def flush(self, seconds: float) -> bool:
        """Exports what waits; whether that was done in time."""
        return self._provider.force_flush(int(seconds * 1000))

    def close(self, seconds: float) -> None:
        """The exporter may be in the middle of its retries: it is left to its daemon thread."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        thread.start()
        thread.join(seconds)


class _Recorded:
    """A span of the SDK; one that was not sampled is a context only."""

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        parent: SdkSpan | None,
        kind: Kind,
        start_ns: int | None,
    ) -> None:
        self._tracer = tracer
        around = set_span_in_context(parent) if parent is not None else None
        self._span = tracer.start_span(name, around, kind=_KINDS[kind], start_time=start_ns)
        self._failed = False

    @property
    def context(self) -> TraceContext:
        found = self._span.get_span_context()
        return TraceContext(
            format(found.trace_id, "032x"), format(found.span_id, "016x"), found.trace_flags.sampled
        )

    @property
    def recording(self) -> bool:
        return self._span.is_recording()

    def child(self, name: str, *, kind: Kind = Kind.INTERNAL, start_ns: int | None = None) -> Span:
        return _Recorded(self._tracer, name, self._span, kind, start_ns)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        if not self._failed:  # the first reason is the one
            self._failed = True
            self._span.set_attribute("error.type", reason)
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self, end_ns: int | None = None) -> None:
        if self._span.is_recording():
            self._span.end(end_ns)


def _remote(parent: TraceContext) -> SdkSpan:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    context = SpanContext(
        int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags
    )
    return NonRecordingSpan(context)
