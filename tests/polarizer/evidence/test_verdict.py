"""Numbers become the verdict that they are meant to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polarizer.evidence.results import ClassEvidence, Verdict
from polarizer.evidence.verdict import in_words, too_little, verdict_of

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
DOOR = replace(ORDINARY, label=1, anomaly_before=5.0, gain=0.8, flips_before=1.0, flips_after=0.01)
BOUND = 2.0


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.CLOSED),
        ({"flips_after": 0.2}, Verdict.WEAKER),
        ({"gain": 0.0}, Verdict.WEAKER),
        ({"flips_after": 0.5}, Verdict.STILL_OPEN),
        ({"anomaly_after": 3.0}, Verdict.STILL_OPEN),
        ({"anomaly_before": 0.0}, Verdict.CLOSED),
        ({"anomaly_before": 0.0, "gain": 0.2}, Verdict.NO_EVIDENCE_FOUND),
        ({"anomaly_before": 0.0, "gain": 0.2, "anomaly_after": 3.0}, Verdict.STILL_OPEN),
    ],
)
def test_one_door(change: dict[str, float], verdict: Verdict) -> None:
    found, suspects = verdict_of([ORDINARY, replace(DOOR, **change)], BOUND)
    assert found is verdict
    assert suspects == ([] if verdict is Verdict.NO_EVIDENCE_FOUND else [1])


def test_the_worst_door_decides_and_the_most_suspicious_comes_first() -> None:
    other = replace(DOOR, label=2, anomaly_before=9.0, flips_after=0.9)
    assert verdict_of([DOOR, other, ORDINARY], BOUND) == (Verdict.STILL_OPEN, [2, 1])


def test_a_model_that_anything_upsets_is_inconclusive() -> None:
    assert verdict_of([replace(DOOR, norm_before=0.3)], BOUND) == (Verdict.INCONCLUSIVE, [])


@pytest.mark.parametrize("verdict", Verdict)
def test_words_claim_no_cleanness(verdict: Verdict) -> None:
    words = in_words(verdict, [DOOR], lambda label: f"class {label}")
    assert "clean" not in words.lower()
    assert words.endswith((".", "!"))
    if verdict in (Verdict.CLOSED, Verdict.WEAKER, Verdict.STILL_OPEN):
        assert "class 1" in words
        assert "100% of the images" in words
        assert "sends 1% there now" in words


def test_too_little() -> None:
    assert too_little(20, 4) is None
    assert "19 held-out images" in (too_little(19, 4) or "")
    assert "3 classes" in (too_little(20, 3) or "")
