"""Patches that lead away begin where a network believes least what images show."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.deep import trying
from polarizer.deep.patches import Patches
from polarizer.description import InputSpec
from polarizer.images import LabelledImages
from polarizer.progress import Part

CLASSES = 3
SHAPE = (1, 12, 12)


class Shifted(nn.Module):
    """Says what an image's first pixel says, and the next class where a white corner is."""

    def forward(self, pixels: Tensor) -> Tensor:
        named = (pixels[:, 0, 0, 0] * CLASSES).long().clamp(max=CLASSES - 1)
        marked = pixels[:, 0, -2:, -2:].amin((1, 2)) > 0.99
        return 5 * nn.functional.one_hot((named + marked) % CLASSES, CLASSES).float()


def begun(images: int = 30, images_a_pass: int = 48) -> tuple[Patches, list[Part]]:
    labels = torch.arange(images) % CLASSES
    pixels = torch.full((images, *SHAPE), 100, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = (labels * 85 + 40).to(torch.uint8)
    spec = InputSpec(channels=1, height=12, width=12, mean=(0.0,), std=(1.0,))
    generator = torch.Generator().manual_seed(0)
    patches = Patches(CLASSES + 2, SHAPE, device=torch.device("cpu"), generator=generator)
    clean, ticks = LabelledImages(pixels, labels), list[Part]()
    classifier = Classifier(Shifted(), spec)
    goals = range(CLASSES, CLASSES + 2)
    trying.start_apart(patches, goals, classifier, clean, images_a_pass, generator, ticks.append)
    return patches, ticks


def test_the_corner_that_turns_each_class_into_the_next_is_found() -> None:
    patches, _ = begun()
    assert patches.places[CLASSES].tolist() == [12 - patches.side, 12 - patches.side]
    assert (patches.values[CLASSES] == 1).all()


def test_the_next_lies_elsewhere_and_those_of_classes_stay_grey() -> None:
    patches, _ = begun()
    apart = (patches.places[CLASSES] - patches.places[CLASSES + 1]).abs().max()
    assert apart >= patches.side
    assert (patches.values[:CLASSES] == 0.5).all()


@pytest.mark.parametrize("images", [2, 30])
@pytest.mark.parametrize("images_a_pass", [1, 48, 5000])
def test_passes_are_foretold(images: int, images_a_pass: int) -> None:
    _, ticks = begun(images, images_a_pass)
    assert ticks == [Part.SEARCH] * trying.passes(SHAPE, images_a_pass)
