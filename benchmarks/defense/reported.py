"""Figures that papers report. Kept apart from what is measured here; nothing is mixed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """Averages over ten attacks, percentages, PreAct-ResNet18, 10 % poisoned, 5 % clean images."""

    defense: str
    images: str
    accuracy: float
    attack_success: float
    effectiveness: float


SOURCE = (
    "Zhu et al., Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization"
)
REPORTED = (
    Reported("FT", "CIFAR-10", 91.83, 38.81, 78.13),
    Reported("I-BAU", "CIFAR-10", 88.19, 5.73, 93.34),
    Reported("FT-SAM", "CIFAR-10", 92.10, 2.47, 96.39),
    Reported("FT-SAM", "Tiny ImageNet", 52.18, 1.16, 92.16),
)
