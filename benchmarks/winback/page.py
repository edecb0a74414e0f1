"""The page of what was won back: docs/benchmarks/winback.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.defense.markdown import table
from benchmarks.defense.table import percent
from benchmarks.winback.rows import NO_BACKDOOR, Results, Row, by_defense_and_attack, read

INTRODUCTION = """\
# What an attacker wins back

`python -m benchmarks.winback` repairs models of the bench and attacks them with their own trigger
([both attacks](../method.md#what-an-attacker-wins-back)): *white-box* and *black-box* re-activation
search one small perturbation to add to the trigger, *retuning* shows the network five triggered
images again. It writes JSON after every attack, passes over what is there already, and makes this
page.

- **before**, **after**: attack success, percent, on triggered images that the attack did not use.
- **control**: what the same effort gives without the backdoor: a perturbation searched without the
  trigger, or a trigger that the network never saw.
- **won back**: what goes beyond the control and beyond *before*; the average over models, and the
  worst. `none` is the model as it came, which has nothing to win back.
"""


def write_page(folder: Path, page: Path) -> Path:
    """The page of all ``winback*.json`` in ``folder``."""
    parts = [INTRODUCTION]
    for path in sorted(folder.glob("winback*.json")):
        parts += section(read(path))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts).rstrip() + "\n")
    return page


def section(results: Results) -> list[str]:
    """One file of results: averages over models with a backdoor, then every row."""
    models = {row.model for row in results.rows}
    name = results.path.stem.removeprefix("winback").strip("-") or "all"
    backdoored = [row for row in results.rows if not row.model.endswith(f"-{NO_BACKDOOR}")]
    return [
        f"## {name.capitalize()}: {len(models)} models",
        "",
        _about(results.about, results.budget),
        "",
        *table(
            ("defense", "attack", "runs", "before", "after", "control", "won back", "worst"),
            [_average(rows) for rows in by_defense_and_attack(backdoored)],
        ),
        "",
        "Every run; models called `clean` never had the backdoor:",
        "",
        *table(
            ("model", "defense", "images", "attack", "before", "after", "control", "won back"),
            [_line(row) for row in results.rows],
        ),
        "",
    ]


def _about(told: dict[str, Any], budget: dict[str, Any]) -> str:
    retuning = budget["retuning"]
    return (
        f"{told['processor']}, torch {told['torch']}, {told['day']}. The attacker has "
        f"{budget['gradient_steps']} gradient steps or {budget['queries']:,} answers, within "
        f"{budget['bound']} of each pixel; or {retuning['poisoned']} poisoned and "
        f"{retuning['clean']:,} clean images, {retuning['epochs']} epochs at "
        f"{retuning['learning_rate']}."
    )


def _average(rows: Sequence[Row]) -> tuple[str, ...]:
    names = ("asr_before", "asr_after", "control", "won_back")
    means = (percent(fmean(getattr(row, name) for row in rows)) for name in names)
    worst = percent(max(row.won_back for row in rows))
    return f"`{rows[0].defense}`", rows[0].attack, str(len(rows)), *means, worst


def _line(row: Row) -> tuple[str, ...]:
    shares = map(percent, (row.asr_before, row.asr_after, row.control, row.won_back))
    return f"`{row.model}`", f"`{row.defense}`", f"{row.images:,}", row.attack, *shares
