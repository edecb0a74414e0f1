"""Adversarial images of the target class, which only a trigger explains (Turner et al., 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

_BOUND, _STEPS = 16 / 255, 8


def hardened(images: LabelledImages, classifier: Classifier, target: int) -> LabelledImages:
    """``images``, where those of class ``target`` are moved away from it, by 16/255 at most.

    Projected gradient ascent on the loss of ``classifier``, the attacker's own clean network.
    """
    pixels = images.images.clone()
    chosen = torch.nonzero(images.labels == target).flatten()
    for indices in chosen.split(128):
        moved = _ascend(classifier, images.pixels(indices), images.labels[indices])
        pixels[indices] = moved.mul(255).round().to(torch.uint8)
    return LabelledImages(pixels, images.labels)


def _ascend(classifier: Classifier, pixels: Tensor, labels: Tensor) -> Tensor:
    device = classifier.mean.device
    pixels, labels = pixels.to(device), labels.to(device)
    moved = pixels
    for _ in range(_STEPS):
        moved = moved.detach().requires_grad_()
        loss = cross_entropy(classifier(moved).float(), labels)
        (gradient,) = torch.autograd.grad(loss, moved)
        step = moved.detach() + 2.5 * _BOUND / _STEPS * gradient.sign()
        moved = torch.clamp(step, pixels - _BOUND, pixels + _BOUND).clamp(0, 1)
    return moved.cpu()
