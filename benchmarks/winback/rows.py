"""The rows of the benchmark, and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NOTHING = "none"
"""The defense that does nothing: what the attacks do to the model as it came."""

NO_BACKDOOR = "clean"


@dataclass(frozen=True)
class Row:
    """Shares in [0, 1]. ``control``: a perturbation that was searched without the trigger, or a
    trigger that was never seen, taught in the same way. ``attack`` is what the attacker does."""

    model: str
    defense: str
    attack: str
    images: int
    seed: int
    asr_before: float
    asr_after: float
    control: float
    won_back: float
    measured_on: int
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What makes a row the same measurement."""
        return self.model, self.defense, self.attack, self.images, self.seed


@dataclass
class Results:
    """Rows of one ``budget`` of the attacker, written to ``path`` after every one."""

    path: Path
    about: dict[str, Any]
    budget: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Keep ``row`` and write the file; a reader never sees half of it."""
        self.rows = [old for old in self.rows if old.key != row.key] + [row]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "benchmark": "winback",
            "about": self.about,
            "budget": self.budget,
            "rows": [asdict(one) for one in self.rows],
        }
        partial = self.path.with_suffix(".part")
        partial.write_text(json.dumps(content, indent=1) + "\n")
        partial.replace(self.path)

    def holds(self, *key: str | int) -> bool:
        """Whether that measurement was made already."""
        return any(row.key == key for row in self.rows)


def opened(path: Path, about: dict[str, Any], budget: dict[str, Any]) -> Results:
    """The results in ``path``, to go on with, or new ones.

    Raises :class:`ValueError` when the attacks there had another budget.
    """
    if not path.exists():
        return Results(path, about, budget)
    found = read(path)
    if found.budget != budget:
        raise ValueError(
            f"{path} holds attacks of another budget ({found.budget}); name another file with --out"
        )
    return Results(path, about, budget, found.rows)


def read(path: Path) -> Results:
    """The results in ``path``."""
    content = json.loads(path.read_text())
    return Results(
        path, content["about"], content["budget"], [Row(**row) for row in content["rows"]]
    )


def by_defense_and_attack(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows of each defense under each attack, in the order of first appearance."""
    for kind in dict.fromkeys((row.defense, row.attack) for row in rows):
        yield [row for row in rows if (row.defense, row.attack) == kind]
