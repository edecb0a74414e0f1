"""Traces: which steps a request or a job took, in which process, and how long each one was.

Everything here may be imported and called where nothing is exported; only ``otlp`` needs the extra
``telemetry``, and is loaded when the settings name a collector. See
docs/architecture/13-observability.md.
"""

from service.tracing.context import TraceContext
from service.tracing.opening import TracingError, open_tracing
from service.tracing.spans import (
    OFF,
    Kind,
    Span,
    Tracing,
    active,
    current,
    current_traceparent,
    span,
    unrecorded,
)

__all__ = [
    "OFF",
    "Kind",
    "Span",
    "TraceContext",
    "Tracing",
    "TracingError",
    "active",
    "current",
    "current_traceparent",
    "open_tracing",
    "span",
    "unrecorded",
]
