from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polarizer.forecast import Forecast
from polarizer.progress import Checked, Part, Plan, Prepared, Progress, Started, StepDone, Work

PLAN = {
    Part.SEARCH: Work(4, 10.0),
    Part.DOORS: Work(2, 5.0),
    Part.AUGMENTATION: Work(3, 5.0),
    Part.WARMUP: Work(2, 10.0),
    Part.STEPS: Work(6, 20.0),
    Part.CHECKS: Work(2, 40.0),
}
ORDER = [
    *(part for part in list(PLAN)[:4] for _ in range(PLAN[part].count)),
    *[Part.STEPS] * 3,
    Part.CHECKS,
    *[Part.STEPS] * 3,
    Part.CHECKS,
]


def events(takes: dict[Part, float], order: list[Part] = ORDER) -> list[Progress]:
    """Everything that happens, in ``order``, when each part takes so many seconds."""
    told: list[Progress] = [Started(8, (), 1.0, PLAN)]
    seconds, step = 0.0, 0
    for part in order:
        seconds += takes[part]
        if part in (Part.WARMUP, Part.STEPS):
            step += 1
            told.append(StepDone(step, 8, 0, 0, 0, 0, 0, seconds))
        elif part is Part.CHECKS:
            told.append(Checked(step, 8, 0, 0, 0, seconds))
        else:
            told.append(Prepared(part, 1, 9, seconds))
    return told


def seconds_of(event: Progress) -> float:
    return 0.0 if isinstance(event, Started) else event.seconds


def test_where_costs_are_right_the_end_is_known_from_the_first_step_on() -> None:
    told = events({part: 0.1 * work.cost for part, work in PLAN.items()})
    end = seconds_of(told[-1])
    forecast = Forecast()
    for event in told:
        forecast.take(event)
        if not isinstance(event, Started):
            assert forecast.remaining_seconds == pytest.approx(end - event.seconds)
            assert forecast.fraction == pytest.approx(event.seconds / end)


def test_what_was_measured_counts_more_than_its_cost() -> None:
    """Steps take ten times as long as they should; after one of each kind that is known."""
    takes = {part: 0.1 * work.cost for part, work in PLAN.items()} | {Part.STEPS: 20.0}
    told = events(takes)
    forecast = Forecast()
    for event in told[:16]:  # up to the first check
        forecast.take(event)
    assert isinstance(told[15], Checked)
    assert forecast.remaining_seconds == pytest.approx(3 * 20 + 4)


def test_the_first_of_a_kind_is_forgotten() -> None:
    forecast = Forecast()
    forecast.take(Started(3, (), 1.0, {Part.STEPS: Work(4, 1.0)}))
    for step, seconds in enumerate((10.0, 11.0, 12.0), 1):
        forecast.take(StepDone(step, 4, 0, 0, 0, 0, 0, seconds))
    assert forecast.remaining_seconds == pytest.approx(1)


def test_a_preparation_that_needed_less_is_over_when_the_next_begins() -> None:
    fewer = [*[Part.SEARCH] * 4, Part.DOORS, *[Part.WARMUP] * 2, *ORDER[11:]]
    told = events(dict.fromkeys(Part, 1.0), fewer)
    forecast = Forecast()
    for event in told[:7]:  # up to the first step of the warm-up
        forecast.take(event)
    left = forecast.remaining_seconds
    assert left == pytest.approx(1 + (6 * 20 + 2 * 40) * 6 / 55)


def test_before_anything_was_measured_nothing_is_said() -> None:
    forecast = Forecast()
    assert (forecast.fraction, forecast.remaining_seconds) == (0, None)
    forecast.take(Started(8, (), 1.0, PLAN))
    assert (forecast.fraction, forecast.remaining_seconds) == (0, None)


def test_without_a_plan_nothing_is_left() -> None:
    plan: Plan = {}
    forecast = Forecast()
    forecast.take(Started(1, (), 1.0, plan))
    forecast.take(StepDone(1, 1, 0, 0, 0, 0, 0, 1.0))
    assert (forecast.fraction, forecast.remaining_seconds) == (1, 0)


@given(takes=st.fixed_dictionaries({part: st.floats(0, 1e4) for part in PLAN}))
def test_the_fraction_only_rises_and_ends_at_1(takes: dict[Part, float]) -> None:
    forecast = Forecast()
    fractions = []
    for event in events(takes):
        forecast.take(event)
        fractions.append(forecast.fraction)
        left = forecast.remaining_seconds
        assert left is None or left >= 0
    assert fractions == sorted(fractions)
    assert 0 <= min(fractions) <= max(fractions) <= 1
    if sum(takes.values()):
        assert fractions[-1] == 1
