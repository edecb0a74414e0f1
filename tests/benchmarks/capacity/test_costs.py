"""What the simulation is fed with is found in the results as they are committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.capacity import costs
from benchmarks.capacity.costs import RESNET, SMALL

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_cost_was_measured() -> None:
    known = costs.read()
    assert len(known.purifying) > 10
    assert all(seconds > 0 for seconds in known.purifying)
    assert set(known.shares) == {"validating", "measuring", "evaluating"}
    assert all(share > 0 for share in known.shares.values())
    assert all(milliseconds > 0 for milliseconds in known.database.values())
    assert 0 < known.service < 60
    assert min(known.web, known.idle, known.row) > 0
    assert known.batch >= 0


def test_the_simulation_is_held_to_measured_points_of_both_models() -> None:
    assert {point["model"] for point in costs.measured_points()} == {RESNET, SMALL}
