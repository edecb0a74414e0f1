"""The inner problem: a small change of pixels that drives the model to another class.

It stands in for the trigger that nobody knows (docs/method.md, equations 1 to 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier

LEAST_NORM = 4.0  # up to the size of CIFAR-10 …
CIFAR_VALUES = 3 * 32 * 32  # … which has that many pixel values an image


@dataclass(frozen=True)
class TriggerSearch:
    """How far and how finely the inner problem searches.

    ``norm``: the L2 bound on the change of one image, in pixels of [0, 1]; ``step``: the change of
    a pixel in one signed step; ``steps``: their number.
    """

    norm: float
    step: float
    steps: int


def default_norm(shape: tuple[int, int, int]) -> float:
    """The L2 bound for images ``(C, H, W)``.

    Large images take more, in proportion to the root of their size, as in the published settings.
    Small ones do not take less: a patch that a classifier can see costs as much on them.
    """
    channels, height, width = shape
    return LEAST_NORM * math.sqrt(max(1, channels * height * width / CIFAR_VALUES))


def runner_up(logits: Tensor, labels: Tensor) -> Tensor:
    """Equation 1: the strongest class other than the true one. (N, K), (N,) → int64 (N,)."""
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return others.argmax(1)


def project(delta: Tensor, norm: float) -> Tensor:
    """The nearest point of the L2 ball, image by image. (N, …) → (N, …)."""
    lengths: Tensor = delta.flatten(1).norm(dim=1).view(-1, *[1] * (delta.ndim - 1))
    return delta * torch.where(lengths > norm, norm / lengths, 1.0)


def into_pixels(delta: Tensor, pixels: Tensor) -> Tensor:
    """``delta`` cut so that ``pixels + delta`` stays in [0, 1]."""
    return (pixels + delta).clamp(0, 1) - pixels


def descend(delta: Tensor, gradient: Tensor, pixels: Tensor, search: TriggerSearch) -> Tensor:
    """Equation 3: one signed step down ``gradient``, kept in the ball and in valid pixels.

    A pixel that is black or white already and would be pushed further stays out of the step, so
    that the bound is spent on pixels that can move.
    """
    direction = -gradient.sign()
    moved = into_pixels(delta + search.step * direction, pixels)
    return into_pixels(project(moved, search.norm), pixels)


def perturb(
    classifier: Classifier, pixels: Tensor, labels: Tensor, search: TriggerSearch
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve the inner problem for a batch: ``(perturbed pixels, clean logits, targets)``.

    ``pixels`` (N, C, H, W), ``labels`` (N,). The clean logits come from the first forward pass and
    keep their graph, so that the outer problem needs no pass of its own for them.
    """
    delta = torch.zeros_like(pixels, requires_grad=True)
    clean_logits = logits = classifier(pixels + delta).float()
    targets = runner_up(clean_logits.detach(), labels)
    for step in range(search.steps):
        if step:
            logits = classifier(pixels + delta).float()
        loss = cross_entropy(logits, targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta, retain_graph=logits is clean_logits)
        delta = descend(delta.detach(), gradient, pixels, search).requires_grad_()
    return (pixels + delta).detach(), clean_logits, targets
