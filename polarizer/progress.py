"""What a purification tells while it runs; small, frozen, free of tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Started:
    """The layers are chosen and the optimisation begins."""

    steps: int
    layers: tuple[str, ...]
    trigger_norm: float


@dataclass(frozen=True)
class StepDone:
    """One outer step; the losses are those of equation 4, before the step."""

    step: int
    steps: int
    loss: float
    clean_loss: float
    consistency_loss: float
    margin_loss: float
    target_loss: float
    seconds: float


@dataclass(frozen=True)
class Checked:
    """A check on held-out clean images, which also chooses the result."""

    step: int
    steps: int
    loss: float
    accuracy: float
    perturbed_accuracy: float
    seconds: float


Progress = Started | StepDone | Checked
OnProgress = Callable[[Progress], None]
