from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.deep.doors import PatchDoors, patch_doors
from polarizer.deep.patches import Patches
from polarizer.description import InputSpec
from polarizer.images import LabelledImages
from polarizer.strength import IF_SHUT, enough

CPU = torch.device("cpu")
CLASSES, TARGET = 4, 2


class Doored(nn.Module):
    """Says the class of a dark image's only bright row, but ``TARGET`` where a white square lies
    and ``open`` is above a half."""

    def __init__(self, opened: float) -> None:
        super().__init__()
        self.open = nn.Parameter(torch.tensor(opened))

    def forward(self, pixels: Tensor) -> Tensor:
        squares = nn.functional.avg_pool2d(pixels, 2, 1).flatten(1).max(1).values
        logits = pixels[:, 0, :CLASSES].mean(2)
        logits[:, TARGET] += torch.where((squares > 0.95) & (self.open > 0.5), 10.0, 0.0)
        return logits


def classifier(opened: float) -> Classifier:
    spec = InputSpec(channels=1, height=12, width=12, mean=(0.0,), std=(1.0,))
    return Classifier(Doored(opened), spec)


def clean() -> LabelledImages:
    images, labels = torch.zeros(80, 1, 12, 12, dtype=torch.uint8), torch.arange(80) % CLASSES
    images[torch.arange(80), 0, labels] = 100
    return LabelledImages(images, labels)


def white() -> Patches:
    patches = Patches(CLASSES, (1, 12, 12), device=CPU, generator=torch.Generator().manual_seed(0))
    patches.values.fill_(1)
    return patches


def doors_of(base: Classifier, patches: Patches) -> PatchDoors:
    success, generator = torch.rand(CLASSES), torch.Generator().manual_seed(0)
    success[TARGET] = 1
    return patch_doors(base, patches, success, clean(), CPU, generator)


def test_the_class_that_a_patch_opens_is_named() -> None:
    assert doors_of(classifier(1.0), white()).classes.tolist() == [TARGET]


def test_without_a_door_none_is_named_and_nothing_is_taken_back() -> None:
    base = classifier(0.0)
    doors = doors_of(base, white())

    assert doors.classes.tolist() == []
    assert enough(base, base, doors, CPU) == 1


def test_a_part_of_the_change_is_enough_where_it_shuts_the_door() -> None:
    base = classifier(1.0)
    doors = doors_of(base, white())

    assert enough(base, classifier(0.0), doors, CPU) == IF_SHUT, "0.3 are left of 1"
    assert enough(base, classifier(0.4), doors, CPU) == 1, "0.58 are left"
    assert enough(base, base, doors, CPU) == 1, "still open"
