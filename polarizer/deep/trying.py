"""Where patches that lead away begin: squares tried all over the image.

One that leads to a class is moved until it succeeds. One that leads away from every class succeeds
a little wherever it lies, since it hides something; so it starts where a square does most.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.deep.patches import Patches
from polarizer.images import LabelledImages, sent
from polarizer.progress import Part, Ticked, unwatched
from polarizer.squares import IMAGES, Squares, squares, squares_in, tried


def start_apart(
    patches: Patches,
    goals: Sequence[int],
    classifier: Classifier,
    clean: LabelledImages,
    images_a_pass: int,
    generator: torch.Generator,
    ticked: Ticked = unwatched,
) -> None:
    """Put the ``patches`` of these ``goals`` where ``classifier`` believes least what images show,
    no two over each other while there is room.

    A pass is of ``images_a_pass`` images. ``ticked`` is told each and may raise; the ``generator``
    is of the CPU.
    """
    device = classifier.mean.device
    everywhere = squares(clean.shape, generator)
    chosen = torch.randperm(len(clean), generator=generator)[:IMAGES]
    pixels, labels = clean.pixels(chosen, device), sent(clean.labels[chosen], device)
    parts = []
    for group in everywhere.split(_together(images_a_pass)):
        parts.append(_doubts(classifier, pixels, labels, group))
        ticked(Part.SEARCH)
    doubts = torch.cat(parts).cpu()
    for goal in goals:
        best = int(doubts.argmax())
        patches.put(goal, everywhere.select(slice(best, best + 1)))
        doubts[everywhere.overlap(best)] = 0


def passes(shape: tuple[int, int, int], images_a_pass: int) -> int:
    """How often :func:`start_apart` ticks, with images of ``shape`` (C, H, W)."""
    return -(-squares_in(shape) // _together(images_a_pass))


def _together(images_a_pass: int) -> int:
    return max(1, images_a_pass // IMAGES)


def _doubts(classifier: Classifier, pixels: Tensor, labels: Tensor, some: Squares) -> Tensor:
    """How unlikely each of ``some`` squares makes the ``labels`` (N,), as mean negative logarithm:
    (T,)."""
    likely = tried(classifier, pixels, some)
    of_own = labels[None, :, None].expand(len(some), -1, 1)
    doubts: Tensor = -likely.gather(2, of_own)[..., 0].mean(1)
    return doubts
