"""Events become rows: throttled, in order, and kept while the database is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from service.database import Database
from service.defenses import lifecycle
from service.defenses.lifecycle import Lease
from service.defenses.report import Numbers
from service.defenses.states import Stage
from service.tracing import active
from tests.service.tracing.test_spans import FakeSpan
from tests.worker.conftest import Bench
from worker.events import MeasuredEvent, ProgressEvent, StageEvent, WarningEvent
from worker.rows import BETWEEN_PROGRESS, EventRows


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def progress(step: int, remaining: float | None = None) -> ProgressEvent:
    return ProgressEvent(
        fraction=step / 10, step=step, steps=10, losses={}, remaining_seconds=remaining
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def lease(bench: Bench) -> Lease:
    defense = bench.queued()
    with bench.database.write() as session:
        claimed = lifecycle.claim(session, defense, worker="me", seconds=60)
    assert claimed
    return claimed


@pytest.fixture
def rows(bench: Bench, lease: Lease, clock: FakeClock) -> EventRows:
    return EventRows(bench.database, lease, clock=clock)


def steps(bench: Bench, lease: Lease) -> list[int]:
    return [event.data["step"] for event in bench.events(lease.defense_id, "progress")]


def test_progress_is_throttled_to_the_newest(
    bench: Bench, lease: Lease, rows: EventRows, clock: FakeClock
) -> None:
    rows.begin(Stage.PURIFYING)
    for step in range(1, 5):
        rows.take(progress(step))
        rows.flush()
    assert steps(bench, lease) == [1]
    clock.seconds += BETWEEN_PROGRESS
    rows.flush()
    assert steps(bench, lease) == [1, 4]


def test_the_last_progress_of_a_stage_is_written(
    bench: Bench, lease: Lease, rows: EventRows
) -> None:
    rows.begin(Stage.PURIFYING)
    for step in (1, 10):
        rows.take(progress(step))
        rows.flush()
    rows.take(StageEvent(stage="evaluating"))
    assert steps(bench, lease) == [1, 10]
    assert [event.type for event in bench.events(lease.defense_id)][-2:] == ["progress", "stage"]


def test_the_row_shows_stage_progress_and_expected_end(
    bench: Bench, lease: Lease, rows: EventRows
) -> None:
    rows.begin(Stage.PURIFYING)
    begun = bench.row(lease.defense_id)
    rows.take(progress(5, remaining=600))
    rows.flush()
    row = bench.row(lease.defense_id)
    assert row.stage == Stage.PURIFYING
    assert begun.progress < row.progress < 1
    assert row.estimated_finish_at
    assert row.started_at
    assert 500 < (row.estimated_finish_at - row.started_at).total_seconds() < 700


def test_the_search_for_evidence_goes_on_from_where_purifying_ended(
    bench: Bench, lease: Lease, rows: EventRows, clock: FakeClock
) -> None:
    rows.begin(Stage.PURIFYING)
    rows.take(progress(10))
    rows.begin(Stage.EVALUATING)
    clock.seconds += BETWEEN_PROGRESS
    begun = bench.row(lease.defense_id).progress
    rows.take(progress(5))
    rows.flush()
    half = bench.row(lease.defense_id).progress
    rows.begin(Stage.STORING)
    assert begun < half < bench.row(lease.defense_id).progress


def test_stages_go_forward_only(bench: Bench, lease: Lease, rows: EventRows) -> None:
    rows.begin(Stage.PURIFYING)
    rows.take(StageEvent(stage="measuring"))
    rows.take(StageEvent(stage="purifying"))
    assert len(bench.events(lease.defense_id, "stage")) == 1


def test_progress_of_a_stage_that_tells_none_is_not_believed(
    bench: Bench, lease: Lease, rows: EventRows
) -> None:
    rows.take(progress(9))
    rows.flush()
    assert steps(bench, lease) == []


def test_numbers_come_together(bench: Bench, lease: Lease, rows: EventRows) -> None:
    rows.take(MeasuredEvent(numbers=Numbers(accuracy_before=0.5)))
    rows.take(MeasuredEvent(numbers=Numbers(accuracy_before=0.5, accuracy_after=0.25)))
    rows.take(MeasuredEvent(numbers=Numbers(accuracy_before=0.5)))
    rows.flush()
    numbers = {"accuracy_before": 0.5, "accuracy_after": 0.25}
    assert bench.row(lease.defense_id).numbers == numbers
    assert len(bench.events(lease.defense_id, "measured")) == 2


def test_numbers_of_an_earlier_attempt_are_forgotten(
    bench: Bench, lease: Lease, rows: EventRows, clock: FakeClock
) -> None:
    rows.take(MeasuredEvent(numbers=Numbers(accuracy_before=0.5)))
    rows.flush()
    EventRows(bench.database, lease, clock=clock).begin(Stage.FETCHING)
    assert bench.row(lease.defense_id).numbers is None


def test_what_the_database_did_not_take_is_written_later(
    bench: Bench, lease: Lease, rows: EventRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def away(*_: object, **__: object) -> None:
            raise OperationalError("UPDATE", {}, OSError("gone"))

        patch.setattr(lifecycle, "report", away)
        rows.begin(Stage.MEASURING)
        rows.take(WarningEvent(code="few-images", message="only 3"))
        rows.flush()
    assert len(bench.events(lease.defense_id)) == 2  # queued, running
    rows.flush()
    rows.flush()
    assert [event.type for event in bench.events(lease.defense_id)][2:] == ["stage", "warning"]


def test_rows_of_a_lost_lease_are_dropped(bench: Bench, lease: Lease, rows: EventRows) -> None:
    with bench.database.write() as session:
        lifecycle.hand_back(session, lease)
    before = len(bench.events(lease.defense_id))
    rows.begin(Stage.MEASURING)
    rows.flush()
    assert len(bench.events(lease.defense_id)) == before


class Breaking:
    """A database whose connection breaks while a transaction is committed: before, or after."""

    def __init__(self, database: Database, breaks: list[str]) -> None:
        self._database = database
        self._breaks = breaks

    @contextmanager
    def write(self) -> Iterator[Session]:
        how = self._breaks.pop(0) if self._breaks else "not"
        if how == "at once":
            raise OperationalError("BEGIN", {}, OSError("away"))
        with self._database.write() as session:
            yield session
            if how == "before":
                raise OperationalError("COMMIT", {}, OSError("broken"))
        if how == "after":
            raise OperationalError("COMMIT", {}, OSError("broken"))


@pytest.mark.parametrize(
    "breaks",
    [["before"], ["after"], ["after", "at once"], ["after", "before"], ["before", "after"]],
    ids=",".join,
)
def test_nothing_is_written_twice_or_lost_when_a_commit_is_in_doubt(
    bench: Bench, lease: Lease, clock: FakeClock, breaks: list[str]
) -> None:
    """Or stages would go backwards: validating, measuring, validating, measuring."""
    tries = len(breaks)
    rows = EventRows(Breaking(bench.database, breaks), lease, clock=clock)  # type: ignore[arg-type]
    rows.begin(Stage.VALIDATING)
    for step in range(tries):
        rows.take(WarningEvent(code="few-images", message=f"number {step}"))
        rows.take(MeasuredEvent(numbers=Numbers(accuracy_before=step / 10)))
        rows.flush()
    rows.take(StageEvent(stage="measuring"))
    rows.flush()
    written = [(event.type, event.data) for event in bench.events(lease.defense_id)[2:]]
    expected: list[tuple[str, dict[str, object]]] = [("stage", {"stage": "validating"})]
    for step in range(tries):
        expected.append(("warning", {"code": "few-images", "message": f"number {step}"}))
        expected.append(("measured", {"accuracy_before": step / 10}))
    expected.append(("stage", {"stage": "measuring"}))
    assert written == expected
    assert bench.row(lease.defense_id).stage == Stage.MEASURING


def test_a_trace_has_stages_and_no_progress(bench: Bench, lease: Lease, clock: FakeClock) -> None:
    rows, root = EventRows(bench.database, lease, clock=clock), FakeSpan("attempt")
    with active(root):
        for stage in (Stage.FETCHING, Stage.PURIFYING):
            rows.begin(stage)
        for step in range(5):
            clock.seconds += 2 * BETWEEN_PROGRESS
            rows.take(progress(step))
            rows.flush()
    assert len(steps(bench, lease)) == 5
    assert [span.name for span in root.children] == ["database.write"] * 2
