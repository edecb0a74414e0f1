"""The numbers of a report. Test and triggered images are only ever measured on."""

from __future__ import annotations

import torch

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


def measure_before(classifier: Classifier, sets: ImageSets, device: torch.device) -> Numbers:
    """Of the model as it came."""
    attack = _attack(classifier, sets, device)
    return Numbers(
        accuracy_before=_accuracy(classifier, sets, device),
        attack_success_before=attack[0],
        recovered_accuracy_before=attack[1],
    )


def measure_after(
    before: Numbers, classifier: Classifier, sets: ImageSets, device: torch.device
) -> Numbers:
    """``before``, and the same of the purified model, and what both say together."""
    attack = _attack(classifier, sets, device)
    after = before.merged(
        Numbers(
            accuracy_after=_accuracy(classifier, sets, device),
            attack_success_after=attack[0],
            recovered_accuracy_after=attack[1],
        )
    )
    return after.merged(Numbers(defense_effectiveness=_effectiveness(after)))


def _accuracy(classifier: Classifier, sets: ImageSets, device: torch.device) -> float | None:
    images = sets.measured_on
    if not len(images):  # a clean set so small that nothing was held out
        return None
    return accuracy(predict(classifier, images, device=device), images.labels)


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
