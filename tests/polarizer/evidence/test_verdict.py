"""Numbers become the verdict that they are meant to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polarizer.evidence.results import ClassEvidence, Verdict
from polarizer.evidence.verdict import PATCH_OPENS, in_words, too_little, verdict_of

ORDINARY = ClassEvidence(
    label=0,
    norm_before=1.3,
    norm_after=1.4,
    anomaly_before=0.2,
    anomaly_after=0.1,
    gain=0.0,
    surrogate_norm=1.6,
    flips_before=0.9,
    flips_after=0.5,
    new_flips=0.8,
)
DOOR = replace(
    ORDINARY,
    label=1,
    norm_before=0.6,
    anomaly_before=5.0,
    gain=0.8,
    flips_before=1.0,
    flips_after=0.01,
)
PATCHED = replace(ORDINARY, label=1, patch_before=1.0, patch_after=0.02, new_patch=0.1)
OTHERS = [ORDINARY, *(replace(ORDINARY, label=label) for label in (2, 3, 4))]
BOUND = 2.0


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.CLOSED),
        ({"flips_after": 0.2}, Verdict.WEAKER),
        ({"norm_after": 0.9}, Verdict.WEAKER),
        ({"flips_after": 0.5}, Verdict.STILL_OPEN),
        ({"norm_after": 0.6, "anomaly_after": 5.0}, Verdict.STILL_OPEN),
        ({"anomaly_before": 1.0}, Verdict.NO_EVIDENCE_FOUND),
        ({"norm_before": 1.2}, Verdict.NO_EVIDENCE_FOUND),
        ({"norm_before": 1.2, "gain": 0.9}, Verdict.NO_EVIDENCE_FOUND),
        ({"norm_before": 1.3, "norm_after": 0.6, "anomaly_after": 5.0}, Verdict.STILL_OPEN),
    ],
)
def test_one_door_that_a_pattern_finds(change: dict[str, float], verdict: Verdict) -> None:
    found, suspects = verdict_of([*OTHERS, replace(DOOR, **change)], BOUND)
    assert found is verdict
    assert suspects == ([] if verdict is Verdict.NO_EVIDENCE_FOUND else [1])


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.CLOSED),
        ({"flips_after": 1.0}, Verdict.CLOSED),
        ({"new_patch": None}, Verdict.CLOSED),
        ({"patch_after": 0.2}, Verdict.WEAKER),
        ({"patch_after": 0.5}, Verdict.STILL_OPEN),
        ({"new_patch": PATCH_OPENS}, Verdict.STILL_OPEN),
        ({"patch_before": PATCH_OPENS - 0.01}, Verdict.NO_EVIDENCE_FOUND),
        ({"patch_before": None, "patch_after": None, "new_patch": 1.0}, Verdict.STILL_OPEN),
    ],
)
def test_one_door_that_a_patch_finds(change: dict[str, float], verdict: Verdict) -> None:
    found, suspects = verdict_of([*OTHERS, replace(PATCHED, **change)], BOUND)
    assert found is verdict
    assert suspects == ([] if verdict is Verdict.NO_EVIDENCE_FOUND else [1])


def test_behind_a_repair_that_closes_all_ways_the_nearest_class_is_no_door() -> None:
    closed = [replace(one, norm_after=3.5) for one in OTHERS]
    nearest = replace(ORDINARY, label=1, norm_after=2.0, anomaly_after=5.0)
    assert verdict_of([*closed, nearest], BOUND) == (Verdict.NO_EVIDENCE_FOUND, [])


def test_the_worst_door_decides_and_the_most_suspicious_comes_first() -> None:
    by_patch = replace(PATCHED, label=5, patch_after=0.9)
    assert verdict_of([DOOR, by_patch, *OTHERS], BOUND) == (Verdict.STILL_OPEN, [5, 1])


def test_a_model_that_anything_upsets_is_inconclusive() -> None:
    assert verdict_of([replace(DOOR, norm_before=0.3)], BOUND) == (Verdict.INCONCLUSIVE, [])


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("door", [DOOR, PATCHED], ids=["pattern", "patch"])
def test_words_claim_no_cleanness(verdict: Verdict, door: ClassEvidence) -> None:
    words = in_words(verdict, [door], lambda label: f"class {label}")
    assert "clean" not in words.lower()
    assert words.endswith((".", "!"))
    if verdict in (Verdict.CLOSED, Verdict.WEAKER, Verdict.STILL_OPEN):
        assert "class 1" in words
        assert "100% of the images" in words
        assert f"sends {1 if door is DOOR else 2}% there now" in words


def test_words_of_a_patch_that_only_the_repaired_model_knows() -> None:
    door = replace(PATCHED, patch_before=None, patch_after=None, new_patch=0.97)
    words = in_words(Verdict.STILL_OPEN, [door], lambda label: f"class {label}")
    assert "sends 97% of the images to class 1 now" in words


def test_too_little() -> None:
    assert too_little(20, 4) is None
    assert "19 held-out images" in (too_little(19, 4) or "")
    assert "3 classes" in (too_little(20, 3) or "")
