"""One attempt as its operator sees it: stages measured, spans in the trace of the request that made
the job, ids on every log line.

The child opens no socket. What it did comes as events, which are data like all that it says: a span
gets a name from it, and times within those that the worker saw itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from service.defenses.lifecycle import Lease
from service.defenses.origin import Origin
from service.tracing import OFF, Kind, Span, Tracing, active, current
from worker.events import LogEvent, StepEvent
from worker.metrics import WorkerMetrics

log = structlog.get_logger()

MOST_STEPS = 200
MOST_LINES = 50


class Observer:
    """Of one worker."""

    def __init__(self, metrics: WorkerMetrics | None = None, tracing: Tracing = OFF) -> None:
        self.metrics = metrics or WorkerMetrics()
        self._tracing = tracing

    @contextmanager
    def attempt(self, lease: Lease, origin: Origin) -> Iterator[Trail]:
        """Around all that is done for a job."""
        root = self._root(lease, origin)
        if lease.attempt == 1:
            self.metrics.waited(origin.age_seconds)
        bound = {"tenant": origin.tenant, "trace_id": root.context.trace_id}
        if origin.request_id:
            bound["request_id"] = origin.request_id
        with bound_contextvars(**bound), self.metrics.running.track_inprogress(), active(root):
            trail = Trail(self.metrics, root)
            try:
                with trail:
                    yield trail
            finally:
                self.metrics.busy.inc(trail.seconds)

    def _root(self, lease: Lease, origin: Origin) -> Span:
        if origin.trace is not None and lease.attempt == 1:
            self._tell_waiting(origin)
        root = self._tracing.root("defense attempt", origin.trace, kind=Kind.CONSUMER)
        root.set(
            {
                "polarizer.job_id": lease.defense_id,
                "polarizer.attempt": lease.attempt,
                "polarizer.tenant": origin.tenant,
                "polarizer.request_id": origin.request_id,
            }
        )
        return root

    def _tell_waiting(self, origin: Origin) -> None:
        """A span for the time in the queue, which nobody could begin when it began."""
        ended = time.time_ns()
        began = ended - int(origin.age_seconds * 1e9)
        waiting = self._tracing.root("queued", origin.trace, kind=Kind.INTERNAL, start_ns=began)
        waiting.end(ended)


class Trail:
    """What one attempt does, stage by stage. Belongs to the thread that runs it."""

    def __init__(
        self,
        metrics: WorkerMetrics,
        root: Span,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._metrics = metrics
        self._root = root
        self._clock = clock
        self._started = clock()
        self._stage: str | None = None
        self._stage_began = 0.0
        self._open = ExitStack()
        self._child: Span | None = None
        self._stage_began_ns = 0
        self._steps = self._lines = 0

    @property
    def seconds(self) -> float:
        return self._clock() - self._started

    @property
    def recording(self) -> bool:
        return self._root.recording

    def __enter__(self) -> Trail:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:  # noqa: ANN401 - Python's own
        if error is not None:
            current().fail(type(error).__name__)
        self._end_stage()
        self.child_ended()

    def stage(self, name: str) -> None:
        """The stage begins, and the one before it ends."""
        self._end_stage()
        self._stage, self._stage_began = name, self._clock()
        self._open.enter_context(active((self._child or self._root).child(name)))
        self._stage_began_ns = time.time_ns()

    def child_started(self) -> None:
        """Stages are those of the child's process from now on."""
        self._end_stage()
        self._child = self._root.child("child")
        self.stage("starting")

    def child_ended(self, code: str | None = None) -> None:
        """``code`` when what it did has failed."""
        if self._child is not None:
            if code is not None:
                current().fail(code)
                self._child.fail(code)
            self._end_stage()
            self._child.end()
            self._child = None

    def step(self, event: StepEvent) -> None:
        """The child has done something; nothing before its stage, and nothing in the future, is
        believed."""
        self._steps += 1
        if self._child is None or self._steps > MOST_STEPS:
            return
        now = time.time_ns()
        began = min(max(int(event.began * 1e9), self._stage_began_ns), now)
        ended = min(max(int(event.ended * 1e9), began), now)
        current().child(event.name, start_ns=began).end(ended)

    def line(self, event: LogEvent) -> None:
        """The child's log line, under the job's ids, which only the worker can give."""
        self._lines += 1
        if self._lines > MOST_LINES:
            return
        say = {"info": log.info, "warning": log.warning, "error": log.error}[event.level]
        message = "".join(sign if sign.isprintable() else "?" for sign in event.message)
        say("child_says", source=event.source, message=message)

    def ended(self, outcome: str, code: str | None) -> None:
        """How the attempt ended; ``code`` of a failure."""
        if code is not None:
            current().fail(code)
        self.child_ended()
        self._end_stage()
        self._metrics.attempt(outcome, code, self.seconds)
        self._root.set({"polarizer.outcome": outcome, "polarizer.code": code})
        if code is not None:
            self._root.fail(code)

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._metrics.stage(self._stage, self._clock() - self._stage_began)
            self._stage = None
        self._open.close()
