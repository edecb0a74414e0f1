from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.defense.table import (
    COLUMNS,
    as_text,
    average,
    cells,
    number,
    on_clean_models,
    percent,
    summarise,
)
from tests.benchmarks.defense.test_rows import ROW

OURS = replace(ROW, defense="stage", seconds=4.0, attack_success=0.02, accuracy=0.88)


def test_models_count_equally_however_many_runs_they_have() -> None:
    rows = [replace(ROW, seed=seed, accuracy=0.5) for seed in range(3)]
    rows.append(replace(ROW, model="other", accuracy=0.9))
    assert average(rows, lambda row: row.accuracy) == pytest.approx(0.7)
    assert average(rows, lambda row: row.megabytes) is None


def test_averages_worst_cases_and_ratios() -> None:
    worse = replace(ROW, model="b", attack_success=0.5, accuracy=0.6, seconds=6.0)
    ours_there = replace(OURS, model="b", seconds=2.0)
    ours, rival = summarise([OURS, ours_there, ROW, worse], "stage")
    assert (ours.defense, rival.defense) == ("stage", "ft")
    assert rival.models == rival.runs == 2
    assert rival.attack_success == pytest.approx(0.3)
    assert rival.worst_attack_success == 0.5
    assert rival.worst_accuracy_lost == pytest.approx(0.3)
    assert rival.worst_effectiveness == pytest.approx((0.5 - 0.3 + 1) / 2)
    assert rival.times_ours == pytest.approx((2 / 4 + 6 / 2) / 2)
    assert ours.times_ours == 1


def test_the_ratio_is_taken_on_equal_terms_only() -> None:
    (elsewhere,) = summarise([ROW, replace(OURS, seed=1)], "stage")[1:]
    assert elsewhere.defense == "stage"
    rival = summarise([ROW, replace(OURS, seed=1)], "stage")[0]
    assert rival.times_ours is None


def test_failures_the_state_before_and_clean_models_do_not_count() -> None:
    rows = [
        ROW,
        replace(ROW, seed=1, problem="killed", accuracy=None),
        replace(ROW, defense="none", images=0),
        replace(ROW, model="c", attack="clean", accuracy=0.2),
    ]
    (summary,) = summarise(rows, "stage")
    assert summary.runs == 1
    assert summary.accuracy == 0.8
    (unharmed,) = on_clean_models(rows, "stage")
    assert unharmed.accuracy_lost == pytest.approx(0.7)
    assert unharmed.effectiveness is None


def test_sizes_are_apart_and_the_largest_comes_first() -> None:
    assert [one.images for one in summarise([ROW, replace(ROW, images=500)], "x")] == [500, 50]


def test_timed_parts_are_marked_and_what_is_unknown_is_a_dash() -> None:
    timed = replace(ROW, accuracy=None, attack_success=None, recovered=None, share=0.04)
    line = dict(zip(COLUMNS, cells(summarise([timed, OURS], "stage")[0]), strict=False))
    assert line["ACC"] == line["ASR"] == line["DER"] == "–"
    assert line["seconds"] == "≈2"
    assert line["÷ ours"] == "≈0.5"


def test_numbers() -> None:
    assert percent(0.1234) == "12.3"
    assert number(1234.5) == "1,234"
    assert number(0.01234) == "0.0123"
    assert number(None, "≈") == "–"


def test_text_is_aligned() -> None:
    assert as_text([("a", "bbb"), ("cc", "d")]) == " a  bbb\ncc    d"
