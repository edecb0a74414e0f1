"""What a rival takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages


@dataclass(frozen=True, eq=False)
class Outcome:
    """``classifier`` is ``None`` when the work was only timed in part.

    ``share`` is the part of the published work that was done. ``full_seconds``: what all of it
    would take, where that is not just the measured time divided by ``share``.
    """

    classifier: Classifier | None
    share: float = 1.0
    full_seconds: float | None = None
    note: str = ""


class Rival(Protocol):
    """A defense with its settings."""

    def repair(
        self,
        classifier: Classifier,
        clean: LabelledImages,
        device: torch.device,
        generator: torch.Generator,
    ) -> Outcome:
        """Repair a copy of ``classifier``; ``generator`` is of the CPU and draws the batches."""
        ...
