"""A classifier made by hand, with a shortcut of known strength to one class."""

from __future__ import annotations

import torch
from torch import nn

from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from polarizer.images import LabelledImages

CLASSES = 6
TARGET = 2
SPEC = InputSpec(channels=1, height=8, width=8, mean=(0.0,), std=(1.0,))


def with_door(strength: float, *, classes: int = CLASSES, target: int = TARGET) -> Classifier:
    """Adds up each class's pixels; the last four count ``strength`` times for ``target``."""
    layer = nn.Linear(64, classes, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        for label in range(classes):
            layer.weight[label, label * (60 // classes) : (label + 1) * (60 // classes)] = 1
        layer.weight[target, 60:] = strength
    return Classifier(nn.Sequential(nn.Flatten(), layer), SPEC)


def images(count: int = 120, *, classes: int = CLASSES, seed: int = 0) -> LabelledImages:
    """The pixels of the image's class are bright, all others dark, with noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    pixels = torch.randint(20, 70, (count, 64), generator=generator)
    pixels[:, 60:] //= 10  # no image opens a door by itself
    for row, label in zip(pixels, labels.tolist(), strict=True):
        row[label * (60 // classes) : (label + 1) * (60 // classes)] += 185
    return LabelledImages(pixels.view(-1, 1, 8, 8).to(torch.uint8), labels)
