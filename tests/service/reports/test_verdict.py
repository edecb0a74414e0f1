"""What a report is said to mean."""

from __future__ import annotations

from typing import Any

import pytest

from service.reports.verdict import Level, verdict
from tests.service.reports import samples

CASES: dict[str, tuple[dict[str, Any], str, Level]] = {
    "gone": ({"attack": (0.99, 0.01)}, "no longer opens", Level.GOOD),
    "costly": ({"attack": (0.99, 0.01), "accuracy": (0.9, 0.8)}, "no longer", Level.MIXED),
    "won-back": ({"attack": (0.99, 0.01), "won_back": 0.5}, "no longer", Level.MIXED),
    "second-door": ({"attack": (0.99, 0.01), "found": "still-open"}, "no longer", Level.MIXED),
    "weaker": ({"attack": (0.99, 0.3)}, "weaker", Level.MIXED),
    "open": ({"attack": (0.99, 0.9)}, "is open", Level.BAD),
    "worse": ({"attack": (0.01, 0.9)}, "is open", Level.BAD),
    "no-attack": ({"attack": (0.01, 0.01)}, "did not work", Level.UNKNOWN),
    "attack-over-search": ({"attack": (0.99, 0.9), "found": "closed"}, "is open", Level.BAD),
    "closed": ({"found": "closed"}, "it is closed", Level.GOOD),
    "closed-costly": ({"found": "closed", "accuracy": (0.9, 0.8)}, "it is closed", Level.MIXED),
    "search-weaker": ({"found": "weaker"}, "weaker", Level.MIXED),
    "still-open": ({"found": "still-open"}, "still open", Level.BAD),
    "nothing-found": ({"found": "no-evidence-found"}, "No backdoor was found", Level.UNKNOWN),
    "inconclusive": ({"found": "inconclusive"}, "is not known", Level.UNKNOWN),
    "unexamined": ({}, "was not examined", Level.UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
def test_the_headline(case: str) -> None:
    facts, title, level = CASES[case]
    numbers: dict[str, Any] = {"won_back": facts.get("won_back")}
    for name, field in (("attack", "attack_success"), ("accuracy", "accuracy")):
        if name in facts:
            numbers[f"{field}_before"], numbers[f"{field}_after"] = facts[name]
    found = facts.get("found")
    report = samples.nothing(numbers=numbers, evidence=found and samples.evidence(5, verdict=found))
    said = verdict(report)
    assert title in said.title
    assert said.level is level


def test_finding_nothing_is_never_called_good() -> None:
    report = samples.nothing(evidence=samples.evidence(5, verdict="no-evidence-found"))
    said = verdict(report)
    assert any("does not prove" in sentence for sentence in said.sentences)


def test_numbers_stand_in_the_sentences() -> None:
    words = " ".join(verdict(samples.everything()).sentences)
    assert "98.7 %" in words
    assert "1.3 %" in words
    assert "93.1 %" in words
    assert "test images" in words
