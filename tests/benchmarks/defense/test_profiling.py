from __future__ import annotations

import pytest
import torch

from benchmarks.defense import profiling
from benchmarks.defense.profiling import Case, Phases, as_lines, measure, phases
from polarizer import optimisation
from polarizer.config import PurifyConfig
from polarizer.deep import passes
from polarizer.progress import Checked, Part, Prepared, Progress, Started, StepDone

CASE = Case("reference", images=40, width=1, resolution=8)


def test_a_phase_does_not_count_what_runs_within_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 3.0, 7.0])  # outer begins, inner begins, inner ends, outer ends
    monkeypatch.setattr(profiling, "_now", lambda: next(clock))
    spent = Phases()
    spent.timed("outer", spent.timed("inner", lambda: None))()
    assert spent.seconds == {"inner": 2.0, "outer": 5.0}


def test_checks_count_all_that_runs_within_them() -> None:
    spent = Phases()
    spent.timed("checks", spent.timed("inner", lambda: None))()
    assert set(spent.seconds) == {"checks"}


def test_a_phase_that_raises_ends() -> None:
    spent = Phases()

    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        spent.timed("checks", fails)()
    spent.timed("inner", lambda: None)()
    assert set(spent.seconds) == {"checks", "inner"}


def test_functions_are_themselves_again_afterwards() -> None:
    before = optimisation._check
    with phases(profiling._now):
        assert optimisation._check is not before
    assert optimisation._check is before


def test_a_case_is_measured_by_phase() -> None:
    config = PurifyConfig(method="stage", steps=2, check_every=1)
    measured = measure(CASE, config, torch.device("cpu"), of_steps=20)
    assert measured.steps == 2
    assert sum(measured.shares.values()) == pytest.approx(1)
    assert {"inner problem", "backward", "optimiser", "checks"} <= set(measured.shares)
    assert "reference" in as_lines([measured])


def test_the_steps_begin_where_the_search_ends() -> None:
    told: list[float] = []
    clock = iter(range(10))
    events: list[Progress] = [
        Started(2, (), 1.0),
        Prepared(Part.SEARCH, 1, 2, 0.0),
        Prepared(Part.AUGMENTATION, 2, 2, 0.0),
        StepDone(1, 2, 0, 0, 0, 0, 0, 0.0),
        Checked(1, 2, 0, 0, 0, 0.0),
        StepDone(2, 2, 0, 0, 0, 0, 0, 0.0),
    ]
    for event in events:
        profiling._note(told, lambda: float(next(clock)), event)
    assert told == [2.0, 3.0, 4.0]


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_repair_is_what_is_done_once_and_all_of_its_steps(
    time: str,  # the second finds optimisers that torch has changed already
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passes, "SEARCH_STEPS", 2)
    config = PurifyConfig(steps=2, batch_size=8)
    measured = measure(CASE, config, torch.device("cpu"), of_steps=50)
    assert measured.seconds == pytest.approx(measured.seconds_once + 50 * measured.seconds_per_step)
    assert {"outer forward", "backward", "optimiser", "rest"} <= set(measured.shares)
    assert sum(measured.shares.values()) == pytest.approx(1)
