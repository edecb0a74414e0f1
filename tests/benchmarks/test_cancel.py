"""The measurement of cancels: what it says of its values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cancel import spread

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "cancel.json"


def test_the_spread_of_known_values() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert spread(hundred) == {"median": 50.0, "p95": 95.0, "max": 100.0}
    assert spread([0.5]) == {"median": 0.5, "p95": 0.5, "max": 0.5}


@pytest.mark.parametrize("what", ["seconds_to_cancelled", "seconds_to_child_gone"])
def test_what_was_measured_is_what_is_promised(what: str) -> None:
    """The file that the docs quote."""
    found = json.loads(RESULT.read_text())
    assert found["cancels"] == len(found["each"]) >= 50
    assert found[what]["max"] <= 2.0
