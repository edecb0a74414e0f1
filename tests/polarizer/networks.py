"""Tiny networks and images that the tests of the algorithm share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from polarizer.images import LabelledImages

CLASSES = 3
SPEC = InputSpec(channels=3, height=8, width=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))


class TinyCnn(nn.Module):
    """Two stages; batch normalisation, a grouped and a depthwise convolution, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.entry(images)).relu()
        features = self.depthwise(self.down(features).relu()).relu()
        return self.head(features.mean((2, 3)))


def tiny_classifier(seed: int = 0) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TinyCnn()
        network.norm.running_mean.uniform_(-0.5, 0.5)
        network.norm.running_var.uniform_(0.5, 2)
    return Classifier(network, SPEC)


def some_images(count: int = 30, *, classes: int = CLASSES, seed: int = 0) -> LabelledImages:
    """Random pixels; the labels go round."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return LabelledImages(pixels, torch.arange(count) % classes)
