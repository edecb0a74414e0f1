"""Attacks on repairs: each is made once, and what was won back stands on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.winback import attacking
from benchmarks.winback.__main__ import budget
from benchmarks.winback.attacking import Plan, attacked
from benchmarks.winback.page import write_page
from benchmarks.winback.rows import Results, Row, opened, read
from polarizer.winback import ReactivationBudget, RetuningBudget

PLAN = Plan(
    data=Path("data"),
    defenses=("none of ours",),
    attacks=("white-box", "retuning"),
    images=40,
    triggered=24,
    reactivation=ReactivationBudget(epochs=1),
    retuning=RetuningBudget(clean=40, epochs=1),
)
ABOUT = {"processor": "A processor", "torch": "2", "day": "2026-01-01"}
ROW = Row("m", "auto", "retuning", 300, 0, 0.02, 0.4, 0.1, 0.3, 100, 2.0)


@pytest.fixture(autouse=True)
def repairs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The defenses that were asked for a repair; all give the model as it came."""
    asked: list[str] = []

    def give_back(_plan: Plan, _folder: Path, bench: Backdoored, _clean: object, *which: object):  # type: ignore[no-untyped-def]
        asked.append(str(which[0]))
        return bench.classifier

    monkeypatch.setattr(attacking, "repair", give_back)
    return asked


def results(path: Path) -> Results:
    return opened(path, ABOUT, budget(PLAN))


def test_an_attack_is_made_once_and_a_repair_only_for_one_that_is_missing(
    bench: Backdoored, tmp_path: Path, repairs: list[str]
) -> None:
    path = tmp_path / "winback.json"
    for row in attacked(PLAN, Path("m"), bench, results(path)):
        results(path).add(row)
        assert row.asr_before > 0.9
        assert row.won_back <= row.asr_after
        if len(read(path).rows) == 3:
            break
    assert repairs == ["none", "none of ours"]

    again = list(attacked(PLAN, Path("m"), bench, results(path)))

    assert [(row.defense, row.attack) for row in again] == [("none of ours", "retuning")]
    assert repairs == ["none", "none of ours", "none of ours"]


def test_attacks_of_another_budget_are_not_mixed(tmp_path: Path) -> None:
    results(tmp_path / "winback.json").add(ROW)
    richer = replace(PLAN, reactivation=ReactivationBudget(epochs=2))
    with pytest.raises(ValueError, match="another budget"):
        opened(tmp_path / "winback.json", ABOUT, budget(richer))


def test_the_page_averages_over_models_with_a_backdoor(tmp_path: Path) -> None:
    kept = results(tmp_path / "winback-small.json")
    for row in (ROW, replace(ROW, model="n", won_back=0.1), replace(ROW, model="x-clean")):
        kept.add(row)
    text = write_page(tmp_path, tmp_path / "page.md").read_text()
    assert "## Small: 3 models" in text
    assert "| `auto` | retuning | 2 | 2.0 | 40.0 | 10.0 | 20.0 | 30.0 |" in text
    assert "| `x-clean` | `auto` | 300 | retuning |" in text
