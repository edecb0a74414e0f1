from __future__ import annotations

import pytest

from polarizer.forecast import Forecast
from polarizer.progress import Checked, Part, Prepared, Started, StepDone, Work
from worker.child.forecasting import as_event

PLAN = {Part.SEARCH: Work(2, 1.0), Part.STEPS: Work(2, 2.0), Part.CHECKS: Work(1, 2.0)}


def test_each_event_says_its_part_its_step_and_what_is_left_of_all() -> None:
    events = [
        Prepared(Part.SEARCH, 1, 2, 1.0),
        Prepared(Part.SEARCH, 2, 2, 2.0),
        StepDone(1, 2, 0.5, 0.4, 0.1, 0, 0, 4.0),
        StepDone(2, 2, 0.4, 0.3, 0.1, 0, 0, 6.0),
        Checked(2, 2, 0.4, 1, 1, 8.0),
    ]
    forecast = Forecast()
    forecast.take(Started(2, (), 1.0, PLAN))
    said = []
    for event in events:
        forecast.take(event)
        said.append(as_event(event, forecast))

    assert [one.part for one in said] == ["search", "search", "repair", "repair", "repair"]
    assert [(one.step, one.steps) for one in said] == [(1, 2), (2, 2), (1, 2), (2, 2), (2, 2)]
    assert [one.fraction for one in said] == pytest.approx([1 / 8, 2 / 8, 4 / 8, 6 / 8, 1])
    assert [one.remaining_seconds for one in said] == pytest.approx([7, 6, 4, 2, 0])
    assert [set(one.losses) >= {"total"} for one in said] == [False, False, True, True, False]
