"""One attempt as its operator sees it: stages, spans, ids; and what a child may make of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from service.defenses.lifecycle import Lease
from service.defenses.origin import Origin
from service.tracing import Kind, Span, TraceContext, active, span
from tests.service.tracing.test_spans import FakeSpan
from worker.events import LogEvent, StepEvent
from worker.metrics import WorkerMetrics
from worker.observing import MOST_LINES, MOST_STEPS, Observer, Trail

PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
ORIGIN = Origin(tenant="acme", request_id="req-1", trace=PARENT, age_seconds=12.0)


class FakeClock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class TimedSpan(FakeSpan):
    """Keeps its times too."""

    start_ns: int | None = None
    end_ns: int | None = None

    def child(
        self, name: str, *, kind: Kind = Kind.INTERNAL, start_ns: int | None = None
    ) -> FakeSpan:
        made = TimedSpan(name)
        made.start_ns = start_ns
        self.children.append(made)
        return made

    def end(self, end_ns: int | None = None) -> None:
        self.end_ns, self.ended = end_ns, True


class FakeTracing:
    def __init__(self) -> None:
        self.roots: list[TimedSpan] = []
        self.parents: list[TraceContext | None] = []

    def root(
        self,
        name: str,
        parent: TraceContext | None,
        *,
        kind: Kind,
        start_ns: int | None = None,
    ) -> Span:
        made = TimedSpan(name)
        made.start_ns = start_ns
        self.roots.append(made)
        self.parents.append(parent)
        return made

    def close(self, seconds: float) -> None:
        pass


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def root() -> TimedSpan:
    return TimedSpan("root")


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics()


@pytest.fixture
def trail(metrics: WorkerMetrics, root: TimedSpan, clock: FakeClock) -> Iterator[Trail]:
    with active(root):
        yield Trail(metrics, root, clock=clock)


def tree(span: FakeSpan) -> dict[str, object]:
    return {child.name: tree(child) for child in span.children}


def test_stages_follow_each_other_and_those_of_the_child_lie_in_it(
    trail: Trail, root: TimedSpan, clock: FakeClock, metrics: WorkerMetrics
) -> None:
    with trail:
        trail.stage("fetching")
        with span("store.read"):
            clock.seconds += 2
        trail.child_started()
        clock.seconds += 3
        trail.stage("purifying")
        clock.seconds += 40
        trail.child_ended()
        trail.stage("storing")
    assert tree(root) == {
        "fetching": {"store.read": {}},
        "child": {"starting": {}, "purifying": {}},
        "storing": {},
    }
    told = {
        stage: metrics.registry.get_sample_value(
            "polarizer_worker_stage_seconds_sum", {"stage": stage}
        )
        for stage in ("fetching", "starting", "purifying", "storing")
    }
    assert told == {"fetching": 2, "starting": 3, "purifying": 40, "storing": 0}


def test_a_failure_marks_the_stage_the_child_and_the_whole(
    trail: Trail, root: TimedSpan, metrics: WorkerMetrics
) -> None:
    with trail:
        trail.stage("fetching")
        trail.child_started()
        trail.stage("purifying")
        trail.child_ended("out-of-memory")
        trail.ended("failed", "out-of-memory")
    fetching, child = root.children
    for failed in (child, child.children[1], root):
        assert set(failed.failures) == {"out-of-memory"}
    assert fetching.failures == child.children[0].failures == []
    labels = {"outcome": "failed", "code": "out-of-memory"}
    assert metrics.registry.get_sample_value("polarizer_worker_attempts_total", labels) == 1


def test_an_exception_ends_everything(trail: Trail, root: TimedSpan) -> None:
    def broken() -> None:
        with trail:
            trail.child_started()
            trail.stage("purifying")
            raise LookupError("a secret")

    with pytest.raises(LookupError):
        broken()
    (child,) = root.children
    assert child.ended
    assert all(stage.ended for stage in child.children)
    assert child.children[1].failures[0] == "LookupError"


moments = st.floats(0, 1e10, allow_nan=False)


@given(moments, moments)
def test_a_step_lies_in_the_childs_life_whatever_it_says(began: float, ended: float) -> None:
    root = TimedSpan("root")
    trail = Trail(WorkerMetrics(), root)
    before = time.time_ns()
    with active(root), trail:
        trail.child_started()
        trail.step(StepEvent(name="load-torch", began=began, ended=ended))
    (step,) = root.children[0].children[0].children
    assert isinstance(step, TimedSpan)
    assert step.start_ns is not None
    assert step.end_ns is not None
    assert before <= step.start_ns <= step.end_ns <= time.time_ns()


def test_steps_and_lines_are_bounded(trail: Trail, root: TimedSpan) -> None:
    step = StepEvent(name="step", began=1.0, ended=2.0)
    line = LogEvent(level="info", source="polarizer", message="told")
    with capture_logs() as logged, trail:
        trail.step(step)  # there is no child yet
        trail.child_started()
        for _ in range(2 * MOST_STEPS):
            trail.step(step)
            trail.line(line)
    steps = root.children[0].children[0].children
    assert len(steps) == MOST_STEPS - 1
    assert len(logged) == MOST_LINES


def test_a_line_is_one_line(trail: Trail) -> None:
    with capture_logs() as logged:
        trail.line(LogEvent(level="error", source="polarizer.x", message="two\nlines\x1b[2J"))
    assert logged == [
        {
            "event": "child_says",
            "log_level": "error",
            "source": "polarizer.x",
            "message": "two?lines?[2J",
        }
    ]


def test_ids_stand_on_every_line(metrics: WorkerMetrics) -> None:
    observer = Observer(metrics)
    with (
        observer.attempt(Lease("def_1", 1), ORIGIN) as trail,
        capture_logs([merge_contextvars]) as logged,
    ):
        trail.line(LogEvent(level="info", source="polarizer", message="told"))
        bound = get_contextvars()
    ids = {"tenant": "acme", "trace_id": PARENT.trace_id, "request_id": "req-1"}
    assert bound == ids
    assert logged[0].items() >= ids.items()
    assert get_contextvars() == {}


def test_a_job_without_an_origin_has_a_trace_of_its_own(metrics: WorkerMetrics) -> None:
    unknown = Origin(tenant="acme", request_id=None, trace=None, age_seconds=0.0)
    with Observer(metrics).attempt(Lease("def_1", 1), unknown):
        bound = get_contextvars()
    assert bound.keys() == {"tenant", "trace_id"}


def test_the_attempt_and_its_waiting_belong_to_the_request(metrics: WorkerMetrics) -> None:
    tracing = FakeTracing()
    observer = Observer(metrics, tracing)
    with observer.attempt(Lease("def_1", 1), ORIGIN):
        running = metrics.registry.get_sample_value("polarizer_worker_jobs_running")
    assert running == 1
    assert metrics.registry.get_sample_value("polarizer_worker_jobs_running") == 0
    assert metrics.registry.get_sample_value("polarizer_worker_queue_seconds_sum") == 12
    queued, attempt = tracing.roots
    assert tracing.parents == [PARENT, PARENT]
    assert (queued.name, attempt.name) == ("queued", "defense attempt")
    assert queued.start_ns is not None
    assert queued.end_ns == queued.start_ns + 12 * 10**9
    assert attempt.attributes["polarizer.job_id"] == "def_1"
    assert attempt.ended


def test_a_second_attempt_did_not_wait_since_the_beginning(metrics: WorkerMetrics) -> None:
    tracing = FakeTracing()
    with Observer(metrics, tracing).attempt(Lease("def_1", 2), ORIGIN):
        pass
    assert [root.name for root in tracing.roots] == ["defense attempt"]
    assert metrics.registry.get_sample_value("polarizer_worker_queue_seconds_count") == 0
