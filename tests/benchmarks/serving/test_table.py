from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.serving.cases import ALARM_DEEP, CASES, DEFENDED, UNDEFENDED
from benchmarks.serving.measure import IN_PROCESS, Row
from benchmarks.serving.table import OURS, Figure, figures, lines, medians

SMALL, MIDDLE = CASES[0].name, CASES[1].name


def row(server: str, rate: float, *, model: str = SMALL, rows: int = 1, **more: float) -> Row:
    p99 = more.pop("p99_ms", 10.0)
    return Row(model, server, rows, rate, 1.0, p99, **more)  # type: ignore[arg-type]


def only(found: Sequence[Figure], what: str) -> Figure:
    (figure,) = [one for one in found if one.what.startswith(what)]
    return figure


def test_rounds_of_one_measurement_become_their_median() -> None:
    (merged,) = medians([row(OURS, rate) for rate in (1.0, 100.0, 3.0)])
    assert merged.rows_per_second == 3.0


def test_failures_add_up() -> None:
    (merged,) = medians([row(OURS, 1.0, failed=failed) for failed in (2, 3)])
    assert merged.failed == 5


def test_loops_at_different_rates_are_different_measurements() -> None:
    assert len(medians([row(OURS, 1.0), row(OURS, 1.0, offered=5.0)])) == 2


def test_capacity_is_the_best_request_over_the_best_batch() -> None:
    found = figures([row(OURS, 50), row(OURS, 90, rows=32), row(IN_PROCESS, 100, rows=16)], {})
    assert only(found, "rows/s at saturation").value == pytest.approx(0.9)


def test_an_open_loop_says_nothing_of_capacity() -> None:
    found = figures([row(OURS, 50), row(OURS, 900, offered=9.0), row(IN_PROCESS, 100)], {})
    assert only(found, "rows/s at saturation").value == pytest.approx(0.5)


def test_rivals_are_compared_at_the_same_request() -> None:
    rows = [row(OURS, 300), row(OURS, 1000, rows=32), row("litserve", 100)]
    assert only(figures(rows, {}), "rows/s ÷ litserve").value == pytest.approx(3)


def test_latencies_are_compared_at_the_rate_that_all_were_offered() -> None:
    rows = [
        row(OURS, 5, offered=5.0, p99_ms=20),
        row(OURS, 50, offered=50.0, p99_ms=90),
        row("bentoml", 5, offered=5.0, p99_ms=40),
    ]
    figure = only(figures(rows, {}), "p99 ÷ bentoml")
    assert figure.value == pytest.approx(0.5)
    assert figure.is_reached


@pytest.mark.parametrize(("model", "bound"), [(SMALL, 2.0), (MIDDLE, 1.0)])
def test_more_is_asked_of_the_small_model(model: str, bound: float) -> None:
    rows = [row(OURS, 150, model=model), row("litserve", 100, model=model)]
    figure = only(figures(rows, {}), "rows/s ÷ litserve")
    assert figure.bound == bound
    assert figure.is_reached == (bound < 1.5)


def test_a_rival_that_never_answered_gives_no_figure() -> None:
    rows = [row(OURS, 150), row("litserve", 0.0, failed=9)]
    assert not [one for one in figures(rows, {}) if "litserve" in one.what]


def test_work_is_what_a_row_takes_of_the_processor() -> None:
    rows = [row(OURS, 150, cpu_ms_per_row=0.5), row("litserve", 100, cpu_ms_per_row=2.0)]
    assert only(figures(rows, {}), "litserve's CPU time").value == pytest.approx(4)


def test_variants_are_shares_of_the_undefended_model() -> None:
    rows = [row(UNDEFENDED, 200), row(DEFENDED, 199), row(ALARM_DEEP, 100)]
    found = figures(rows, {})
    assert only(found, DEFENDED).is_reached
    assert not only(found, ALARM_DEEP).is_reached


@pytest.mark.parametrize(("after", "reached"), [(110.0, True), (111.0, False)])
def test_memory_may_grow_by_a_tenth(after: float, reached: bool) -> None:
    memory = {"models": 50, "engine_before_mb": 100.0, "engine_after_mb": after}
    assert only(figures([], memory), "engine's memory after 50").is_reached == reached


def test_lines_say_what_was_missed() -> None:
    (line,) = lines([Figure("web process, MB", "", 180, 150, at_least=False)])
    assert "180" in line
    assert "missed" in line
