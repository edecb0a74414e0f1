"""Augmentation that this network tolerates: which one it is, clean images decide.

A mirrored cat is a cat and a mirrored 2 is nothing. Nobody asks the user: what leaves the base
network's accuracy on the clean images as it was, is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages, sent
from polarizer.progress import Part, Ticked, unwatched

LARGEST_SHIFT = 1 / 8  # of a side
TOLERANCE = 0.03  # of accuracy
IMAGES = 256  # that decide


@dataclass(frozen=True)
class Augmentation:
    """Random shifts by up to ``shift`` pixels, and mirroring of every second image."""

    shift: int
    mirror: bool

    def __call__(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """``pixels`` (N, C, H, W) changed at random; one shift for the whole batch."""
        if self.shift:
            down, right = torch.randint(2 * self.shift + 1, (2,), generator=generator).tolist()
            pixels = shifted(pixels, down, right, self.shift)
        if self.mirror:
            chosen = torch.rand(len(pixels), generator=generator) < 0.5
            chosen = sent(chosen.view(-1, 1, 1, 1), pixels.device)
            pixels = torch.where(chosen, pixels.flip(3), pixels)
        return pixels


def tolerated(
    classifier: Classifier,
    clean: LabelledImages,
    device: torch.device,
    ticked: Ticked = unwatched,
) -> Augmentation:
    """The augmentation under which ``classifier`` loses at most three points of accuracy.

    Measured on the first 256 images in steps of the set, with the largest shift that passes.
    ``ticked`` is told each accuracy.
    """
    indices = torch.linspace(0, len(clean) - 1, min(IMAGES, len(clean))).long()
    pixels = clean.pixels(indices, device)
    labels = clean.labels[indices].to(device)

    def accuracy(changed: Tensor) -> float:
        share = _accuracy(classifier, changed, labels)
        ticked(Part.AUGMENTATION)
        return share

    least = accuracy(pixels) - TOLERANCE
    shift = _largest_shift(clean.shape)
    while shift and not _bears(accuracy, pixels, shift, least):
        shift //= 2
    return Augmentation(shift, mirror=accuracy(pixels.flip(3)) >= least)


def accuracies(shape: tuple[int, int, int]) -> int:
    """How many :func:`tolerated` measures on images of ``shape`` (C, H, W) where every shift
    passes: of the images, at each corner, and of mirrored ones."""
    return 6 if _largest_shift(shape) else 2


def shifted(pixels: Tensor, down: int, right: int, margin: int) -> Tensor:
    """``pixels`` cut at ``(down, right)`` from themselves with a reflected margin."""
    height, width = pixels.shape[2:]
    wide = pad(pixels, (margin,) * 4, mode="reflect")
    return wide[:, :, down : down + height, right : right + width]


def _largest_shift(shape: tuple[int, int, int]) -> int:
    return int(min(shape[1:]) * LARGEST_SHIFT)


def _bears(accuracy: Callable[[Tensor], float], pixels: Tensor, shift: int, least: float) -> bool:
    """Whether accuracy is at least that much, however far ``pixels`` are moved; the first corner
    at which it is not decides."""
    corners = [(0, 0), (0, 2 * shift), (2 * shift, 0), (2 * shift, 2 * shift)]
    return all(accuracy(shifted(pixels, down, right, shift)) >= least for down, right in corners)


def _accuracy(classifier: Classifier, pixels: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        hits = [
            (classifier(part).argmax(1) == known).float()
            for part, known in zip(torch.split(pixels, 64), torch.split(labels, 64), strict=True)
        ]
    return torch.cat(hits).mean().item()
