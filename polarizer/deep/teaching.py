"""The network as it came in teaches the one that is repaired, on images cut from two clean ones.

A few clean images say little about what the network can do; their labels are soon known by heart.
But there is one who knows the rest: the network itself. It is asked about images that nobody took,
rectangles of one clean image in another (Yun et al., ICCV 2019), and its answers are learned
(Hinton et al., 2015). It also knows the backdoor. So it is believed only where it names the class
of one of the two images: an answer that neither of them explains may be the attacker's. Blends of
two images are no such lesson: triggers that are laid over the image look like them, and are taught
anew (docs/method.md).
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.images import sent
from polarizer.losses import Lesson


class Teacher:
    """``classifier`` as it is now, whatever happens to it."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = deepcopy(classifier).requires_grad_(False).train(False)

    def lesson(self, pixels: Tensor, labels: Tensor, other_labels: Tensor) -> Lesson:
        """Of ``pixels`` (N, C, H, W), made of images of ``labels`` and of ``other_labels`` (N,)."""
        with torch.no_grad():
            logits = self._classifier(pixels).float()
        named = logits.argmax(1)
        return Lesson(logits, ((named == labels) | (named == other_labels)).float())


def cut_and_pasted(pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """``(mixed, others)``: in each of ``pixels`` (N, C, H, W) a rectangle of another of them.

    The rectangle has the image's proportions, lies anywhere in it, and covers any share of it, all
    equally likely. ``others`` (N,) are the indices of the images that it was taken from.
    """
    count, _, height, width = pixels.shape
    others = torch.randperm(count, generator=generator)
    side, down, right = torch.rand(3, count, 1, generator=generator)
    side = side.sqrt()
    rows = _within(height, side, down)[:, None, :, None]
    columns = _within(width, side, right)[:, None, None, :]
    inside = sent(rows, pixels.device) & sent(columns, pixels.device)
    others = sent(others, pixels.device)
    return torch.where(inside, pixels[others], pixels), others


def _within(length: int, share: Tensor, place: Tensor) -> Tensor:
    """Which of ``length`` positions lie in an interval of this share of them: (N, length)."""
    size = (share * length).round()
    start = (place * (length - size + 1)).floor()
    position = torch.arange(length)
    return (position >= start) & (position < start + size)
