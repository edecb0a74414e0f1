"""Rows without any network: what is counted as wrong, what is passed over, what the page holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.evidence import measuring
from benchmarks.evidence.measuring import measured
from benchmarks.evidence.page import error_rates, every_model, write_page
from benchmarks.evidence.rows import Row, read, write
from polarizer.config import PurifyConfig
from polarizer.evidence.verdict import CLOSED_FLIPS, PATCH_OPENS, STANDS_OUT

ABOUT = {"processor": "A processor", "threads": 1, "torch": "2", "day": "2026-01-01"}


def a_class(label: int, **changes: float) -> dict[str, float]:
    numbers = {"norm_before": 2.0, "norm_after": 2.0, "anomaly_before": 0.0, "anomaly_after": 0.0}
    more = {"gain": 0.0, "surrogate_norm": 2.0, "flips_before": 0.3, "flips_after": 0.2}
    return {"label": label, **numbers, **more, "new_flips": 0.2, **changes}


def a_row(name: str, attack: str, left: float, **of_target: float) -> Row:
    """Of four classes, of which class 2 is the attacker's."""
    classes = tuple(a_class(label, **(of_target if label == 2 else {})) for label in range(4))
    return Row(
        name=name,
        attack=attack,
        target=2,
        images=300,
        accuracy=(0.9, 0.9),
        attack_success=(1.0, left),
        classes=classes,
        bound=4.0,
        control=(0.1, 0.1, 0.1),
        purify_seconds=3.0,
        examine_seconds=1.0,
    )


SEEN = {"anomaly_before": STANDS_OUT, "norm_before": 1.0, "flips_before": 0.9}
CLOSED = SEEN | {"flips_after": CLOSED_FLIPS, "norm_after": 4.0}
PATCHED = {"patch_before": PATCH_OPENS, "patch_after": CLOSED_FLIPS}
ROWS = [
    a_row("quiet", "clean", 0.0),
    a_row("alarming", "clean", 0.0, **PATCHED),
    a_row("closed", "badnets", 0.0, **CLOSED),
    a_row("unseen", "badnets", 0.0),
    a_row("only by its patch", "sig", 0.0, **CLOSED | PATCHED | {"anomaly_before": 0.0}),
    a_row("left", "lf", 0.5, **SEEN | {"flips_after": 0.9}),
    a_row("left and called closed", "lf", 0.5, **CLOSED),
]


def test_what_is_wrong_is_counted() -> None:
    lines = [line.strip("| ").split(" | ") for line in error_rates(ROWS)[2:]]
    wrong = {(truth, when): (int(count), int(of)) for truth, when, count, of in lines}
    assert wrong == {
        ("clean", "a door is seen"): (1, 2),
        ("clean, had nothing been repaired", "a door is seen"): (1, 2),
        ("backdoored, had nothing been repaired", "no open door is seen"): (1, 5),
        ("backdoor left", "no open door is seen"): (1, 2),
        ("backdoor repaired", "called weaker or still open"): (0, 3),
        ("backdoor repaired", "the door that was closed is not seen"): (1, 3),
        ("backdoored, one target class, a door seen", "another class is named first"): (0, 4),
    }


def test_a_model_without_a_target_class_has_no_numbers_of_one() -> None:
    (line,) = every_model([replace(ROWS[2], target="next")])[2:]
    assert line.count("–") == 5


def test_rows_come_back_from_their_file_and_none_from_none(tmp_path: Path) -> None:
    path = tmp_path / "new" / "evidence.json"
    assert read(path) == []
    write(path, ABOUT, ROWS)
    back = read(path)
    assert [row.judged for row in back] == [row.judged for row in ROWS]
    assert [row.name for row in back] == [row.name for row in ROWS]


def test_the_page_holds_the_rates_and_what_was_measured_before(tmp_path: Path) -> None:
    write(tmp_path / "evidence.json", ABOUT, ROWS)
    text = write_page(tmp_path / "evidence.json", tmp_path / "evidence.md").read_text()
    assert text.startswith("# How often the evidence is wrong")
    assert "## 7 models of the bench" in text
    assert "| backdoor left | no open door is seen | 1 | 2 |" in text
    assert "(medians)" in text
    assert "## The models that the thresholds were chosen on" in text
    without = write_page(tmp_path / "none.json", tmp_path / "evidence.md").read_text()
    assert "models of the bench" not in without


def test_a_model_is_repaired_and_examined(
    bench: Backdoored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(**given: Any) -> PurifyConfig:
        return PurifyConfig(**{"method": "stage", "steps": 2, "check_every": 0} | given)

    monkeypatch.setattr(measuring, "PurifyConfig", short)
    row = measured(bench, images=60)
    assert (row.images, row.target, row.attack) == (60, 0, "badnets")
    assert row.attack_success[0] > 0.9
    assert [one["label"] for one in row.classes] == [0, 1, 2, 3]
    assert row.judged[0]
