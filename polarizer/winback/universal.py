"""One small perturbation for many images: found with gradients, or with answers alone.

All images are float32 (N, C, H, W) in [0, 1], targets int64 (N,), and a perturbation is (C, H, W)
with no entry beyond the bound (L∞).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Victim:
    """``classifier`` on ``device``, and the images that a perturbation is searched on.

    ``pixels`` uint8 (N, C, H, W), ``targets`` int64 (N,): what the attacker wants of each.
    """

    classifier: Classifier
    images: Tensor
    targets: Tensor
    device: torch.device

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """``(pixels, targets)`` of some images, on the device."""
        chosen = torch.randperm(len(self.images), generator=generator)[:count]
        pixels = self.images[chosen].to(self.device, torch.float32).div_(255)
        return pixels, self.targets[chosen].to(self.device)

    def loss(self, pixels: Tensor, targets: Tensor, delta: Tensor) -> Tensor:
        """Cross-entropy towards the targets, a mean over the images."""
        return cross_entropy(self.classifier((pixels + delta).clamp(0, 1)).float(), targets)


def hits(classifier: Classifier, images: Tensor, targets: Tensor, delta: Tensor | None) -> float:
    """The share of uint8 ``images``, perturbed, that get their target."""
    device = next(classifier.parameters()).device
    found = 0
    with torch.inference_mode():
        for part, wanted in zip(torch.split(images, 256), torch.split(targets, 256), strict=True):
            pixels = part.to(device, torch.float32).div_(255)
            if delta is not None:
                pixels = (pixels + delta.to(device)).clamp(0, 1)
            found += int((classifier(pixels).argmax(1).cpu() == wanted).sum())
    return found / len(images)


def descend(
    victim: Victim,
    *,
    bound: float,
    epochs: int,
    steps: int,
    batch_size: int,
    generator: torch.Generator,
) -> Tensor:
    """White box: ``epochs`` times, ``steps`` signed gradient steps on a batch drawn anew.

    The steps shrink linearly from a quarter of the bound, and momentum averages them.
    """
    delta = torch.zeros(victim.images.shape[1:], device=victim.device)
    average = torch.zeros_like(delta)
    for epoch in range(epochs):
        pixels, targets = victim.draw(batch_size, generator)
        size = bound / 4 * (1 - epoch / epochs)
        for _ in range(steps):
            delta.requires_grad_()
            (gradient,) = torch.autograd.grad(victim.loss(pixels, targets, delta), delta)
            average = 0.9 * average + gradient / gradient.abs().mean().clamp(min=1e-12)
            delta = (delta.detach() - size * average.sign()).clamp(-bound, bound)
    return delta.detach().cpu()


def search_squares(
    victim: Victim, *, bound: float, queries: int, batch_size: int, generator: torch.Generator
) -> Tensor:
    """Black box: the Square attack (Andriushchenko et al., 2020), one perturbation for all images.

    Begins with none, then vertical stripes; each candidate recolours one square, which shrinks as
    the budget runs out, and stays if the loss falls. ``queries`` counts images shown to the model:
    a candidate costs ``batch_size`` of them (or all, if they are fewer), always the same ones.
    """
    pixels, targets = victim.draw(batch_size, generator)
    candidates = queries // len(pixels)
    channels, height, width = victim.images.shape[1:]
    stripes = _signs((channels, 1, width), generator).expand(channels, height, width) * bound
    best, lowest = torch.zeros(channels, height, width), float("inf")
    with torch.inference_mode():
        for number in range(candidates):
            delta = _recoloured(best, bound, number / candidates, generator)
            if number < 2:
                delta = (best, stripes)[number]
            loss = float(victim.loss(pixels, targets, delta.to(victim.device)))
            if loss < lowest:
                best, lowest = delta, loss
    return best.clone()


def _recoloured(delta: Tensor, bound: float, done: float, generator: torch.Generator) -> Tensor:
    channels, height, width = delta.shape
    side = max(1, round(min(height, width) * (0.8 * 0.5 ** (8 * done)) ** 0.5))
    top = int(torch.randint(height - side + 1, (1,), generator=generator))
    left = int(torch.randint(width - side + 1, (1,), generator=generator))
    changed = delta.clone()
    colour = _signs((channels, 1, 1), generator) * bound
    changed[:, top : top + side, left : left + side] = colour
    return changed


def _signs(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1
