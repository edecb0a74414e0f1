"""How a batch goes through the network when stand-ins take the trigger's place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.deep.augmentation import Augmentation, tolerated
from polarizer.deep.stand_ins import StandIns, other_classes
from polarizer.images import LabelledImages
from polarizer.optimisation import Phase
from polarizer.perturbation import TriggerSearch

SEARCH_STEPS = 15  # on the base network, before any weight moves


class StandInPasses:
    """One pass for the clean and the perturbed half of a batch; the stand-ins learn on the way.

    The gradient that moves the weights against the perturbed half moves the stand-ins up the same
    loss, at no cost of its own ("free" adversarial training, Shafahi et al., NeurIPS 2019).
    """

    def __init__(
        self, stand_ins: StandIns, augmentation: Augmentation, generator: torch.Generator
    ) -> None:
        self.stand_ins = stand_ins
        self._augmentation = augmentation
        self._generator = generator

    def __call__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        labels: Tensor,
        search: TriggerSearch,  # noqa: ARG002  # the stand-ins have their own
        *,
        phase: Phase,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``(clean logits, perturbed logits, targets)``; augmented except in checks."""
        self.stand_ins.learn()
        classes = len(self.stand_ins.patterns)
        targets = other_classes(labels, classes, self._generator)
        if phase is not Phase.CHECK:
            pixels = self._augmentation(pixels, self._generator)
        if phase is Phase.WARMUP:
            logits = classifier(pixels).float()
            return logits, logits.detach(), targets
        perturbed = self.stand_ins.apply(pixels, targets)
        clean_logits, perturbed_logits = classifier(torch.cat([pixels, perturbed])).float().chunk(2)
        return clean_logits, perturbed_logits, targets


def begin(
    classifier: Classifier,
    clean: LabelledImages,
    search: TriggerSearch,
    classes: int,
    batch_size: int,
    generator: torch.Generator,
) -> StandInPasses:
    """Passes for ``classifier`` as it came in: stand-ins that drive it, augmentation it bears."""
    device = classifier.mean.device
    stand_ins = StandIns(classes, clean.shape, search.norm, device=device, generator=generator)
    for _ in range(SEARCH_STEPS):
        indices = torch.randint(len(clean), (batch_size,), generator=generator)
        labels = clean.labels[indices].to(device)
        targets = other_classes(labels, classes, generator)
        logits = classifier(stand_ins.apply(clean.pixels(indices).to(device), targets)).float()
        stand_ins.climb(-cross_entropy(logits, targets))
    return StandInPasses(stand_ins, tolerated(classifier, clean, device), generator)
