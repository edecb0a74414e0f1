"""What a class-conditioned polarizer is trained on (docs/method.md, equations 9 to 11).

At work the polarizer of class ``c`` meets two kinds of images: those that are of class ``c``, and
triggered ones of other classes that the base network takes for ``c``. It is trained on both:

- clean images ``x``, under the class ``c(x)`` that the base network predicts, exactly as at work;
- for each of them a target class ``T`` other than its own, and a perturbation ``δ`` towards it:
  ``x + δ`` stands for an image that carries the trigger of ``T``, so it is polarized under ``T``.

The inner problem perturbs towards the class that the polarizer is told: no target is guessed. The
outer loss is that of NPD (equation 4).

The paper's abstract says what the three forms condition on; of its training we decided ourselves:
``T`` is drawn uniformly from the other classes, so that the polarizers of all classes learn
equally; the inner problem fools the purified network under ``T``, as NPD's does, and not the base
network; on held-out images the targets go round instead, so that checks are comparable.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.conditional.layer import conditioned, conditioned_layers
from polarizer.conditional.passes import RUNNING
from polarizer.images import sent
from polarizer.optimisation import Answers, Phase
from polarizer.perturbation import TriggerSearch, descend


class ConditionedPasses:
    """How a batch goes through a network with a conditioned layer.

    ``generator``, of the CPU, draws the targets while the polarizer is in training mode.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def __call__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        labels: Tensor,
        search: TriggerSearch,
        *,
        phase: Phase,
    ) -> Answers:
        """Pixels are (N, C, H, W), labels (N,), of the CPU."""
        clean_logits = classifier(pixels).float()
        targets = sent(self._targets(classifier, labels, clean_logits.shape[1]), pixels.device)
        if phase is Phase.WARMUP:
            return Answers(clean_logits, clean_logits.detach(), targets)
        with RUNNING, conditioned(classifier, targets):  # (10)
            perturbed = towards(classifier, pixels, targets, search)
            return Answers(clean_logits, classifier(perturbed).float(), targets)

    def _targets(self, classifier: Classifier, labels: Tensor, classes: int) -> Tensor:
        """Equation 9: for each image a class other than its own. int64 (N,) → int64 (N,)."""
        if any(layer.polarizer.training for layer in conditioned_layers(classifier).values()):
            steps = torch.randint(1, classes, labels.shape, generator=self._generator)
        else:
            steps = 1 + torch.arange(len(labels)) % (classes - 1)
        return (labels + steps) % classes


def towards(
    classifier: Classifier, pixels: Tensor, targets: Tensor, search: TriggerSearch
) -> Tensor:
    """Equation 10: ``pixels`` (N, C, H, W), changed within the bound towards ``targets`` (N,)."""
    delta = torch.zeros_like(pixels)
    for _ in range(search.steps):
        delta.requires_grad_()
        loss = cross_entropy(classifier(pixels + delta).float(), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = descend(delta.detach(), gradient, pixels, search)
    return pixels + delta
