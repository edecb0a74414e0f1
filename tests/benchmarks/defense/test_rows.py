from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.defense.rows import Results, Row, read_results

ROW = Row(
    model="m",
    attack="badnets",
    defense="ft",
    images=50,
    seed=0,
    device="cpu",
    threads=1,
    accuracy=0.8,
    attack_success=0.1,
    recovered=0.7,
    accuracy_before=0.9,
    attack_success_before=1.0,
    seconds=2.0,
)


def test_derived_measures() -> None:
    assert ROW.accuracy_lost == pytest.approx(0.1)
    assert ROW.effectiveness == pytest.approx((0.9 - 0.1 + 1) / 2)


def test_a_model_without_a_backdoor_or_measure_has_no_effectiveness() -> None:
    assert replace(ROW, attack="clean").effectiveness is None
    timed = replace(ROW, accuracy=None, attack_success=None)
    assert timed.effectiveness is None
    assert timed.accuracy_lost is None


def test_every_row_is_in_the_file_as_soon_as_it_is_added(tmp_path: Path) -> None:
    results = Results(tmp_path / "new" / "out.json", {"cores": 2})
    for seed in range(3):
        results.add(replace(ROW, seed=seed))
        assert len(json.loads(results.path.read_text())["rows"]) == seed + 1
    assert read_results(results.path) == results
    assert [file.name for file in results.path.parent.iterdir()] == ["out.json"]


def test_a_row_takes_the_place_of_an_older_one_of_its_key(tmp_path: Path) -> None:
    results = Results(tmp_path / "out.json", {})
    results.add(replace(ROW, problem="killed"))
    assert results.find(ROW) is None
    results.add(ROW)
    assert results.rows == [ROW]
    assert results.find(replace(ROW, accuracy=None)) == ROW
    assert results.find(replace(ROW, images=100)) is None


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"rows": [{"x": 1}], "about": {}}')
    with pytest.raises(ValueError, match="other.json"):
        read_results(path)
