"""I-BAU: unlearning a universal perturbation by its implicit hypergradient.

Zeng et al., Adversarial Unlearning of Backdoors via Implicit Hypergradient, ICLR 2022.

``min_w max_d L(w, d)`` with ``L`` the loss on clean images that all carry the one perturbation
``d``, ``|d|_2`` bounded. The descent of ``w`` counts how the worst ``d`` follows ``w``: with
``step(d) = d - a ∇_d(-L)``, whose fixed point the worst ``d`` is,
``dL/dw = ∂L/∂w + (∂step/∂w)ᵀ v`` and ``v = (∂step/∂d)ᵀ v + ∂L/∂d``, iterated K times from zero.

Rounds and K are those of the authors' example for CIFAR-10. A round has the 50 batches that it has
with their 5,000 clean images, however many there are. Their example's rate of 0.001 is for another
network: on a PreAct-ResNet18 three steps of it took accuracy from 87 % to 13 %, so it is a tenth of
that. The bound is for images of 3x32x32 values in [0, 1], scaled by the root of the size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.defense.rivals.outcome import Outcome
from benchmarks.defense.rivals.training import cycled, finished, trainable_copy
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from polarizer.perturbation import project

_CIFAR_VALUES = 3 * 32 * 32
_SHRINKAGE = 0.001  # of the perturbation's squared norm, in the inner objective


@dataclass(frozen=True)
class ImplicitUnlearning:
    """Settings; ``inner_rate`` and ``bound`` search the perturbation, ``step`` is ``a`` above."""

    share: float = 1.0
    rounds: int = 3
    steps: int = 50
    batch_size: int = 100
    learning_rate: float = 0.0001
    fixed_point_steps: int = 5
    inner_rate: float = 10.0
    bound: float = 10.0
    step: float = 0.1

    def repair(
        self,
        classifier: Classifier,
        clean: LabelledImages,
        device: torch.device,
        generator: torch.Generator,
    ) -> Outcome:
        """Unlearn in a copy; each round takes ``share`` of its steps, at least one."""
        steps = max(1, round(self.steps * self.share))
        tuned = trainable_copy(classifier, device)
        tuned.module.eval()  # BatchNorm keeps its statistics; its scale and shift are trained
        optimizer = torch.optim.Adam(tuned.parameters(), lr=self.learning_rate)
        drawn = partial(cycled, steps, clean, self.batch_size, device, generator)
        for _ in range(self.rounds):
            delta = self.worst_perturbation(tuned, clean.shape, drawn())
            for pixels, labels in drawn():
                self.set_hypergradients(tuned, delta, pixels, labels)
                optimizer.step()
                optimizer.zero_grad()
        return Outcome(finished(tuned), share=steps / self.steps)

    def worst_perturbation(
        self,
        tuned: Classifier,
        shape: tuple[int, int, int],
        parts: Iterable[tuple[Tensor, Tensor]],
    ) -> Tensor:
        """Gradient ascent on ``L``, a step for each batch of ``parts``; then into the bound."""
        delta = torch.zeros(1, *shape, device=tuned.mean.device, requires_grad=True)
        for pixels, labels in parts:
            loss = _inner_loss(tuned, delta, pixels, labels)
            (gradient,) = torch.autograd.grad(loss, delta)
            delta = (delta - self.inner_rate * gradient).detach().requires_grad_()
        scale = math.sqrt(math.prod(shape) / _CIFAR_VALUES)
        return project(delta.detach(), self.bound * scale).requires_grad_()

    def set_hypergradients(
        self, tuned: Classifier, delta: Tensor, pixels: Tensor, labels: Tensor
    ) -> None:
        """Leave ``dL/dw`` of one batch in the parameters."""
        weights = list(tuned.parameters())
        logits = tuned(pixels + delta)
        loss = cross_entropy(logits, labels)
        direct, *at_weights = torch.autograd.grad(
            loss, [delta, *weights], retain_graph=True, materialize_grads=True
        )
        inner = _SHRINKAGE * delta.square().sum() - loss
        (slope,) = torch.autograd.grad(inner, delta, create_graph=True)
        moved = delta - self.step * slope
        through = torch.zeros_like(delta)
        for _ in range(self.fixed_point_steps):
            (back,) = torch.autograd.grad(moved, delta, through, retain_graph=True)
            through = back + direct
        implicit = torch.autograd.grad(moved, weights, through, materialize_grads=True)
        for weight, first, second in zip(weights, at_weights, implicit, strict=True):
            weight.grad = first + second


def _inner_loss(tuned: Classifier, delta: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
    shrinkage = _SHRINKAGE * delta.square().sum()
    return shrinkage - cross_entropy(tuned(pixels + delta), labels)
