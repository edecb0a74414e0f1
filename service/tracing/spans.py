"""Spans, and the one that is current. Nothing of OpenTelemetry is loaded here.

A request or a job begins a root span with the ``Tracing`` that its process was given. Whatever runs
within it asks for ``span(...)``, and gets one that records nothing where the root does not: that
costs one look at a context variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol, Self

from service.tracing.context import TraceContext

Value = str | int | float | bool
Attributes = Mapping[str, Value | None]
Failures = type[BaseException] | tuple[type[BaseException], ...]
_NONE: Attributes = {}


class Kind(StrEnum):
    """As OpenTelemetry names them."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """A step. Times are nanoseconds since 1970; without one it is now."""

    @property
    def context(self) -> TraceContext: ...

    @property
    def recording(self) -> bool: ...

    def child(
        self, name: str, *, kind: Kind = Kind.INTERNAL, start_ns: int | None = None
    ) -> Span: ...

    def rename(self, name: str) -> None: ...

    def set(self, attributes: Attributes) -> None:
        """What is None is left out."""

    def fail(self, reason: str) -> None:
        """The step went wrong; the reason is a name or a code, never a message."""

    def end(self, end_ns: int | None = None) -> None: ...


class Tracing(Protocol):
    """Of one process."""

    def root(
        self,
        name: str,
        parent: TraceContext | None,
        *,
        kind: Kind,
        start_ns: int | None = None,
    ) -> Span:
        """The first span of this process in a trace; ``parent`` was made elsewhere."""

    def close(self, seconds: float) -> None:
        """Exports what waits, for so long at most."""


class _Unrecorded:
    """A span that is only a context."""

    recording = False

    def __init__(self, context: TraceContext) -> None:
        self.context = context

    def child(
        self,
        name: str,  # noqa: ARG002
        *,
        kind: Kind = Kind.INTERNAL,  # noqa: ARG002
        start_ns: int | None = None,  # noqa: ARG002
    ) -> Self:
        return self

    def rename(self, name: str) -> None:
        pass

    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass

    def end(self, end_ns: int | None = None) -> None:
        pass


class _Off:
    """Records nothing; passes on whose trace it is."""

    def root(
        self,
        name: str,  # noqa: ARG002
        parent: TraceContext | None,
        *,
        kind: Kind,  # noqa: ARG002
        start_ns: int | None = None,  # noqa: ARG002
    ) -> Span:
        return _Unrecorded(parent or TraceContext.new())

    def close(self, seconds: float) -> None:
        pass


OFF: Tracing = _Off()

_NOWHERE = _Unrecorded(TraceContext("0" * 32, "0" * 16, sampled=False))
_nothing: AbstractContextManager[Span] = nullcontext(_NOWHERE)
_current: ContextVar[Span] = ContextVar("span", default=_NOWHERE)
_cause: ContextVar[Span] = ContextVar("cause", default=_NOWHERE)


def current() -> Span:
    """The span that runs; one that records nothing where there is none."""
    return _current.get()


def current_traceparent() -> str | None:
    """To be sent, or kept, with what is caused here; None outside of every trace. A transaction
    causes nothing: what is written in it is caused by the step around it."""
    found = _cause.get()
    return None if found is _NOWHERE else found.context.header


@contextmanager
def active(
    span: Span, *, failures: Failures = BaseException, causes: bool = True
) -> Iterator[Span]:
    """Makes it the current one of the block, and ends it. The type of an exception that is one of
    ``failures`` becomes its failure; others pass through without a trace. ``causes``: whether it is
    the one that ``current_traceparent`` tells."""
    token = _current.set(span)
    caused = _cause.set(span) if causes else None
    try:
        yield span
    except failures as error:
        span.fail(type(error).__name__)
        raise
    finally:
        if caused is not None:
            _cause.reset(caused)
        _current.reset(token)
        span.end()


def span(
    name: str,
    attributes: Attributes = _NONE,
    *,
    kind: Kind = Kind.INTERNAL,
    failures: Failures = BaseException,
    causes: bool = True,
) -> AbstractContextManager[Span]:
    """A step within the current one, as long as the block; the rest as for ``active``."""
    parent = _current.get()
    if not parent.recording:
        return _nothing
    child = parent.child(name, kind=kind)
    child.set(attributes)
    return active(child, failures=failures, causes=causes)


def unrecorded() -> AbstractContextManager[Span]:
    """Within the block nothing is recorded, and the trace stays known: for what repeats as long as
    a job takes, and would fill its trace."""
    found = _current.get()
    return active(_Unrecorded(found.context)) if found.recording else _nothing
