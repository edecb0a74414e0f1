"""The span that is current, where nothing is recorded and where something is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from service.tracing import (
    OFF,
    Kind,
    Span,
    TraceContext,
    active,
    current,
    current_traceparent,
    span,
    unrecorded,
)
from service.tracing.spans import Attributes


@dataclass
class FakeSpan:
    """Remembers what became of it."""

    name: str
    context: TraceContext = field(default_factory=TraceContext.new)
    recording: bool = True
    attributes: dict[str, object] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    ended: bool = False
    times: tuple[int | None, int | None] = (None, None)
    """what it was told; None: now"""
    children: list[FakeSpan] = field(default_factory=list)

    def child(
        self, name: str, *, kind: Kind = Kind.INTERNAL, start_ns: int | None = None
    ) -> FakeSpan:
        self.children.append(FakeSpan(name, times=(start_ns, None)))
        return self.children[-1]

    def everything(self) -> list[FakeSpan]:
        """It, and all below it."""
        return [self, *(below for child in self.children for below in child.everything())]

    def rename(self, name: str) -> None:
        self.name = name

    def set(self, attributes: Attributes) -> None:
        self.attributes.update(attributes)

    def fail(self, reason: str) -> None:
        self.failures.append(reason)

    def end(self, end_ns: int | None = None) -> None:
        self.ended = True
        self.times = self.times[0], end_ns


@dataclass
class FakeTracing:
    """Remembers the roots, and whose trace each was in."""

    roots: list[tuple[FakeSpan, TraceContext | None]] = field(default_factory=list)

    def root(
        self,
        name: str,
        parent: TraceContext | None,
        *,
        kind: Kind,
        start_ns: int | None = None,
    ) -> FakeSpan:
        made = FakeSpan(name, parent or TraceContext.new(), times=(start_ns, None))
        self.roots.append((made, parent))
        return made

    def close(self, seconds: float) -> None:
        pass


def test_outside_of_every_trace_there_is_nothing() -> None:
    assert current_traceparent() is None
    with span("a step", {"x": 1}) as found:
        assert not found.recording
        assert current_traceparent() is None


def test_what_is_not_recorded_still_knows_its_trace() -> None:
    parent = TraceContext.new()
    with active(OFF.root("a job", parent, kind=Kind.CONSUMER)) as root:
        assert not root.recording
        assert current_traceparent() == parent.header
        with span("a step") as step:
            step.set({"x": 1})
            step.fail("reason")
            assert current_traceparent() == parent.header
    assert current_traceparent() is None


def test_without_a_parent_a_trace_begins() -> None:
    one = OFF.root("a", None, kind=Kind.SERVER).context
    other = OFF.root("b", None, kind=Kind.SERVER).context
    assert one.trace_id != other.trace_id


def test_steps_are_children_of_the_current_one() -> None:
    root = FakeSpan("root")
    with active(root):
        with span("outer", {"x": 1}), span("inner"):
            assert current().recording
        with span("later"):
            pass
    outer, later = root.children
    assert (outer.name, outer.attributes, later.name) == ("outer", {"x": 1}, "later")
    assert [child.name for child in outer.children] == ["inner"]
    assert all(one.ended for one in (root, outer, later, *outer.children))


def test_an_exception_is_told_by_its_type_in_all_it_passes() -> None:
    root = FakeSpan("root")

    def broken(_inside: Span) -> None:
        raise LookupError("a secret")

    with pytest.raises(LookupError), active(root), span("step") as step:
        broken(step)
    assert root.failures == ["LookupError"]
    assert root.children[0].failures == ["LookupError"]
    assert root.children[0].ended
    assert current_traceparent() is None


def test_some_exceptions_are_no_failures() -> None:
    root = FakeSpan("root")
    with (
        pytest.raises(LookupError),
        active(root, failures=ValueError),
        span("step", failures=(ValueError, OSError)),
    ):
        raise LookupError
    with pytest.raises(OSError, match="x"), active(root), span("step", failures=OSError):
        raise OSError("x")
    first, second = root.children
    assert (first.failures, second.failures, root.failures) == ([], ["OSError"], ["OSError"])
    assert first.ended


def test_what_repeats_can_be_left_out() -> None:
    root = FakeSpan("root")
    with active(root):
        with unrecorded(), span("step") as step:
            assert not step.recording
            assert current_traceparent() == root.context.header
        assert current() is root
    assert root.children == []
    with unrecorded():
        assert current_traceparent() is None, "there is no trace to leave anything out of"


def test_a_step_may_cause_nothing() -> None:
    root = FakeSpan("root")
    with active(root), span("transaction", causes=False) as step:
        assert current() is step
        assert current_traceparent() == root.context.header
        with span("inner") as inner:
            assert current_traceparent() == inner.context.header
        assert current_traceparent() == root.context.header
    assert current_traceparent() is None
