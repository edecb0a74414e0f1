"""Inverting triggers: one perturbation of bounded L2 norm that sends all images to one class.

A backdoor is a short way to its target class that every image can take, so a universal targeted
perturbation finds it, or another one beside it (Universal Soldier, arXiv 2302.00747).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

PASS = 128  # images in one pass through the network, as many as a step of the purification has
FIRST_STEP = 0.3  # of the bound; later ones shrink to nothing, linearly
MOMENTUM = 0.9


@dataclass(frozen=True)
class Inversion:
    """``norm``: the L2 bound in pixels; ``order``: int64 (steps, batch), the images of each step.

    The base and the purified model are given the same order, so that they differ in nothing else.
    """

    norm: float
    order: Tensor
    device: torch.device
    autocast: torch.dtype | None = None
    tick: Callable[[], None] = lambda: None

    def passes(self, triggers: int) -> int:
        """How often ``tick`` is called for so many triggers."""
        return len(self.order) * -(-triggers // self.together)

    @property
    def together(self) -> int:
        """Triggers that go through the network together."""
        return max(1, PASS // self.order.shape[1])


def invert(
    classifier: Classifier, images: LabelledImages, goals: Tensor, inversion: Inversion
) -> Tensor:
    """Triggers (T, C, H, W), on the CPU, that drive image ``n`` to class ``goals[t, n]``.

    ``goals`` int64 (T, N). Images that have their goal as label do not count. Normalised momentum
    descent of the cross-entropy, from zero, projected to the ball.
    """
    groups = torch.split(goals, inversion.together)
    return torch.cat([_invert(classifier, images, group, inversion) for group in groups])


def _invert(
    classifier: Classifier, images: LabelledImages, goals: Tensor, inversion: Inversion
) -> Tensor:
    triggers = torch.zeros(len(goals), *images.shape, device=inversion.device)
    velocity = torch.zeros_like(triggers)
    for step, indices in enumerate(inversion.order):
        batch = images.select(indices)
        gradient = _gradient(classifier, triggers, batch, goals[:, indices], inversion)
        velocity = MOMENTUM * velocity + unit(gradient)
        length = FIRST_STEP * inversion.norm * (1 - step / len(inversion.order))
        triggers = into_ball(triggers - length * unit(velocity), inversion.norm)
        inversion.tick()
    return triggers.cpu()


def _gradient(
    classifier: Classifier,
    triggers: Tensor,
    batch: LabelledImages,
    goals: Tensor,
    inversion: Inversion,
) -> Tensor:
    device = inversion.device
    wanted, labels = goals.to(device), batch.labels.to(device)
    triggers = triggers.detach().requires_grad_()
    with torch.autocast(device.type, inversion.autocast, enabled=inversion.autocast is not None):
        logits = classifier(with_triggers(triggers, batch.pixels().to(device))).float()
    losses = cross_entropy(logits, wanted.flatten(), reduction="none")
    counted = losses * (wanted != labels).flatten()
    (gradient,) = torch.autograd.grad(counted.sum(), triggers)
    return gradient


def with_triggers(triggers: Tensor, pixels: Tensor) -> Tensor:
    """(T, C, H, W), (N, C, H, W) → (T·N, C, H, W), cut to valid pixels, trigger by trigger."""
    return (pixels[None] + triggers[:, None]).clamp(0, 1).flatten(0, 1)


def unit(vectors: Tensor) -> Tensor:
    """Each of (T, …) at length one; zero stays zero."""
    return vectors / _lengths(vectors).clamp_min(torch.finfo(vectors.dtype).tiny)


def into_ball(vectors: Tensor, norm: float) -> Tensor:
    """Each of (T, …) at length ``norm`` at most."""
    return vectors * (norm / _lengths(vectors).clamp_min(norm))


def _lengths(vectors: Tensor) -> Tensor:
    lengths: Tensor = vectors.flatten(1).norm(dim=1)
    return lengths.view(-1, *[1] * (vectors.ndim - 1))
