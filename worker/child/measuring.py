"""The numbers of a report. Test and triggered images are only ever measured on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.metrics import (
    accuracy,
    attack_success_rate,
    defense_effectiveness,
    predict,
    recovered_accuracy,
)
from service.defenses.report import Numbers
from worker.child.sets import ImageSets


@dataclass(frozen=True, eq=False)
class Measured:
    """``answers``: the class that each of ``sets.measured_on`` was given, int64 (N,)."""

    numbers: Numbers
    answers: Tensor


def measure_before(classifier: Classifier, sets: ImageSets, device: torch.device) -> Measured:
    """Of the model as it came."""
    attack = _attack(classifier, sets, device)
    answers = predict(classifier, sets.measured_on, device=device)
    numbers = Numbers(
        accuracy_before=_accuracy(answers, sets),
        attack_success_before=attack[0],
        recovered_accuracy_before=attack[1],
    )
    return Measured(numbers, answers)


def measure_after(
    before: Numbers, classifier: Classifier, sets: ImageSets, device: torch.device
) -> Measured:
    """``before``, and the same of the purified model, and what both say together."""
    attack = _attack(classifier, sets, device)
    answers = predict(classifier, sets.measured_on, device=device)
    after = before.merged(
        Numbers(
            accuracy_after=_accuracy(answers, sets),
            attack_success_after=attack[0],
            recovered_accuracy_after=attack[1],
        )
    )
    numbers = after.merged(Numbers(defense_effectiveness=_effectiveness(after)))
    return Measured(numbers, answers)


def _accuracy(answers: Tensor, sets: ImageSets) -> float | None:
    if not len(answers):  # a clean set so small that nothing was held out
        return None
    return accuracy(answers, sets.measured_on.labels)


def _attack(
    classifier: Classifier, sets: ImageSets, device: torch.device
) -> tuple[float, float] | tuple[None, None]:
    """Attack success and recovered accuracy on the triggered images, where there are some."""
    if sets.triggered is None or sets.target is None:
        return None, None
    images = sets.triggered.images
    predicted = predict(classifier, images, device=device)
    return (
        attack_success_rate(predicted, images.labels, sets.target),
        recovered_accuracy(predicted, images.labels, sets.target),
    )


def _effectiveness(numbers: Numbers) -> float | None:
    known = numbers.model_dump(
        include={
            "accuracy_before",
            "accuracy_after",
            "attack_success_before",
            "attack_success_after",
        },
        exclude_none=True,
    )
    return defense_effectiveness(**known) if len(known) == 4 else None
