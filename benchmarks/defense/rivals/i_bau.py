"""I-BAU: unlearning a universal perturbation by its implicit hypergradient.

Zeng et al., Adversarial Unlearning of Backdoors via Implicit Hypergradient, ICLR 2022.

``min_w max_d L(w, d)`` with ``L`` the loss on clean images that all carry the one perturbation
``d``, ``|d|_2`` bounded. The descent of ``w`` counts how the worst ``d`` follows ``w``: with
``step(d) = d - a ∇_d(-L)``, whose fixed point the worst ``d`` is,
``dL/dw = ∂L/∂w + (∂step/∂w)ᵀ v`` and ``v = (∂step/∂d)ᵀ v + ∂L/∂d``, iterated K times from zero.

Rounds, K and Adam's rate are those of the authors' example for CIFAR-10; the bound is for images of
3x32x32 values in [0, 1] and is scaled by the root of the size for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.defense.rivals.outcome import Outcome
from benchmarks.defense.rivals.training import batches, finished, trainable_copy
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
    batch_size: int = 100
    learning_rate: float = 0.001
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
        """Unlearn in a copy for ``share`` of the rounds, at least one."""
        rounds = max(1, round(self.rounds * self.share))
        tuned = trainable_copy(classifier, device)
        tuned.module.eval()  # BatchNorm keeps its statistics; its scale and shift are trained
        optimizer = torch.optim.Adam(tuned.parameters(), lr=self.learning_rate)
        for _ in range(rounds):
            delta = self.worst_perturbation(
                tuned, clean.shape, batches(clean, self.batch_size, device, generator)
            )
            for pixels, labels in batches(clean, self.batch_size, device, generator):
                self.set_hypergradients(tuned, delta, pixels, labels)
                optimizer.step()
                optimizer.zero_grad()
        return Outcome(finished(tuned), share=rounds / self.rounds)

    def worst_perturbation(
        self,
        tuned: Classifier,
        shape: tuple[int, int, int],
        parts: Iterable[tuple[Tensor, Tensor]],
    ) -> Tensor:
        """One pass over the batches ``parts`` of gradient ascent on ``L``, then into the bound."""
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
