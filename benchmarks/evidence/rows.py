"""One model: what is true of it and what the examination says; and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from polarizer.evidence import ClassEvidence
from polarizer.evidence.measuring import lead
from polarizer.evidence.verdict import verdict_of

GONE, LEFT = 0.1, 0.2
NO_BACKDOOR = "clean"
TRUTHS = ("clean", "repaired", "in between", "left")
VERDICTS = ("no-evidence-found", "closed", "weaker", "still-open", "inconclusive")


@dataclass(frozen=True)
class Row:
    """Shares in [0, 1], before and after the repair. ``target`` is the attacker's class, or
    ``"next"``; ``classes`` are the numbers of :class:`ClassEvidence`, so that other thresholds need
    no new run. Seconds are of the processor.
    """

    name: str
    attack: str
    target: int | str
    images: int
    accuracy: tuple[float, float]
    attack_success: tuple[float, float]
    classes: tuple[dict[str, float | None], ...]
    bound: float
    control: tuple[float, float, float]
    purify_seconds: float
    examine_seconds: float

    @property
    def truth(self) -> str:
        """One of ``TRUTHS``."""
        if self.attack == NO_BACKDOOR:
            return "clean"
        if self.attack_success[1] <= GONE:
            return "repaired"
        return "left" if self.attack_success[1] > LEFT else "in between"

    @property
    def judged(self) -> tuple[str, list[int]]:
        """The verdict with the present thresholds, and the suspects."""
        verdict, suspects = verdict_of(self._evidence, self.bound)
        return verdict.value, suspects

    @property
    def judged_unrepaired(self) -> tuple[str, list[int]]:
        """What it would have been, had the repair left the model as it was."""
        as_before = [
            replace(
                one,
                norm_after=one.norm_before,
                anomaly_after=one.anomaly_before,
                gain=0.0,
                flips_after=one.flips_before,
                new_flips=one.flips_before,
                patch_after=one.patch_before,
                new_patch=one.patch_before,
            )
            for one in self._evidence
        ]
        verdict, suspects = verdict_of(as_before, self.bound)
        return verdict.value, suspects

    @property
    def of_target(self) -> dict[str, float | None]:
        """The numbers of the target class, if there is one."""
        return next((one for one in self.classes if one["label"] == self.target), {})

    def highest(self, name: str) -> float:
        """Of all classes."""
        return max(one.get(name) or 0.0 for one in self.classes)

    @property
    def lead(self) -> tuple[int, float]:
        """The class that a pattern reaches first in the base model, and how far it is ahead."""
        nearest = min(self._evidence, key=lambda one: one.norm_before)
        return nearest.label, lead([one.norm_before for one in self._evidence])

    @property
    def _evidence(self) -> list[ClassEvidence]:
        return [ClassEvidence(**one) for one in self.classes]  # type: ignore[arg-type]


def read(path: Path) -> list[Row]:
    """The rows of a file of results; none when it is not there."""
    if not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text())["rows"]]


def write(path: Path, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """A reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in rows)
    partial = path.with_suffix(".part")
    partial.write_text(f'{{"about": {json.dumps(about, indent=1)},\n"rows": [\n{lines}\n]}}\n')
    partial.replace(path)
