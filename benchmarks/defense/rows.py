"""The rows of the table, and the file that keeps them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from polarizer.metrics import defense_effectiveness

NOTHING = "none"
"""The defense that does nothing: its row says what the model was before."""

NO_BACKDOOR = "clean"
"""The attack of a model that holds none."""


@dataclass(frozen=True)
class Row:
    """One defense of one model with one draw of clean images. Shares are in [0, 1].

    ``seconds`` are those of all the published work; where only ``share`` of it was done, they are
    extrapolated. The measures are ``None`` when the work was only timed, and so is everything when
    it failed or does not apply (``problem`` says why). ``megabytes`` is the peak beyond the start.
    """

    model: str
    attack: str
    defense: str
    images: int
    seed: int
    device: str
    threads: int
    accuracy: float | None = None
    attack_success: float | None = None
    recovered: float | None = None
    accuracy_before: float | None = None
    attack_success_before: float | None = None
    share: float = 1.0
    seconds: float | None = None
    megabytes: float | None = None
    note: str = ""
    problem: str = ""

    @property
    def key(self) -> tuple[str, str, int, int, str]:
        """What makes a row the same measurement."""
        return self.model, self.defense, self.images, self.seed, self.device

    @property
    def accuracy_lost(self) -> float | None:
        """Points of ACC lost, as a share; negative when it rose."""
        if self.accuracy is None or self.accuracy_before is None:
            return None
        return self.accuracy_before - self.accuracy

    @property
    def effectiveness(self) -> float | None:
        """DER; ``None`` for a model without a backdoor and for what was not measured."""
        if (
            self.attack == NO_BACKDOOR
            or self.accuracy is None
            or self.accuracy_before is None
            or self.attack_success is None
            or self.attack_success_before is None
        ):
            return None
        return defense_effectiveness(
            accuracy_before=self.accuracy_before,
            accuracy_after=self.accuracy,
            attack_success_before=self.attack_success_before,
            attack_success_after=self.attack_success,
        )


@dataclass
class Results:
    """Rows with what they were measured on, written to ``path`` after every one."""

    path: Path
    about: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Keep ``row`` instead of an older one of the same key, and write the file."""
        self.rows = [old for old in self.rows if old.key != row.key] + [row]
        self.write()

    def find(self, row: Row) -> Row | None:
        """The finished row of the same key as ``row``, if there is one."""
        return next((old for old in self.rows if old.key == row.key and not old.problem), None)

    def write(self) -> None:
        """Write all rows; a reader never sees half a file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in self.rows)
        about = json.dumps(self.about, indent=1)
        partial = self.path.with_suffix(".part")
        partial.write_text(f'{{"about": {about},\n"rows": [\n{lines}\n]}}\n')
        partial.replace(self.path)


def read_results(path: Path) -> Results:
    """The results in ``path``; :class:`ValueError` when the file holds something else."""
    content = json.loads(path.read_text())
    try:
        return Results(path, content["about"], [Row(**row) for row in content["rows"]])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no results of benchmarks.defense: {error}") from error
