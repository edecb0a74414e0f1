"""What the adaptive attacker expects: a defender who puts neural polarizers into the last stage.

While the attacker trains, polarizers are put where the defense would put them (it is public) and
moved one step down the defense's own loss; the backdoor is then learnt *through* them. So the
trigger must also work in networks near the one that a repair ends in. This is first-order
meta-learning with the repair as the inner loop, as in work on tamper-resistant weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.losses import LossWeights, outer_loss
from polarizer.perturbation import TriggerSearch, default_norm, perturb
from polarizer.polarizers import NeuralPolarizer, polarized
from polarizer.stages import last_stage

_WEIGHTS = LossWeights(clean=1, consistency=0.2, margin=0.2, target=0.2)
_REACH = 0.2  # Frobenius norm of the longest step, a layer


class SimulatedDefender:
    """Called with a clean batch, gives a context in which the network is provisionally repaired."""

    def __init__(
        self,
        classifier: Classifier,
        generator: torch.Generator,
        mixed: Callable[[], AbstractContextManager[object]],
    ) -> None:
        spec = classifier.spec
        shape = (spec.channels, spec.height, spec.width)
        norm = default_norm(shape)
        self._classifier, self._generator, self._mixed = classifier, generator, mixed
        self._search = TriggerSearch(norm, step=2 * norm / math.sqrt(math.prod(shape)), steps=1)
        with _evaluating(classifier):
            example = torch.zeros(2, *shape, device=classifier.mean.device)
            self._layers = last_stage(classifier.module, example)

    @contextmanager
    def __call__(self, pixels: Tensor, labels: Tensor) -> Iterator[None]:
        """Within the block the last stage is polarized, by a step of random length; not after."""
        with polarized(self._classifier.module, self._layers) as polarizers:
            try:
                self._step(polarizers, pixels, labels)
                yield
            finally:
                _set(polarizers, [torch.zeros_like(p.deviation) for p in polarizers])

    def _step(self, polarizers: list[NeuralPolarizer], pixels: Tensor, labels: Tensor) -> None:
        with _evaluating(self._classifier), self._mixed():
            perturbed, clean, targets = perturb(self._classifier, pixels, labels, self._search)
            logits = self._classifier(perturbed).float()
            loss = outer_loss(clean, logits, labels, targets, _WEIGHTS).total
            gradients = torch.autograd.grad(loss, [p.deviation for p in polarizers])
        length = _REACH * torch.rand((), generator=self._generator).item()
        _set(polarizers, [-length * g / g.norm().clamp(min=1e-12) for g in gradients])


@contextmanager
def _evaluating(classifier: Classifier) -> Iterator[None]:
    """No batch statistic moves within the block."""
    training = classifier.module.training
    classifier.module.eval()
    try:
        yield
    finally:
        classifier.module.train(training)


def _set(polarizers: list[NeuralPolarizer], deviations: list[Tensor]) -> None:
    with torch.no_grad():
        for polarizer, deviation in zip(polarizers, deviations, strict=True):
            polarizer.deviation.copy_(deviation)
