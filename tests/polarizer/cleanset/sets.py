"""A classifier that needs no training, and images that it knows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from polarizer.images import LabelledImages

CLASSES = 10
SIZE = 8
SPEC = InputSpec(channels=3, height=SIZE, width=SIZE, mean=(0.5,) * 3, std=(0.25,) * 3)


def pictures() -> Tensor:
    """One picture for each class, (K, 3, 8, 8) in [0.1, 0.9], unlike its own mirror images."""
    generator = torch.Generator().manual_seed(7)
    return torch.rand(CLASSES, 3, SIZE, SIZE, generator=generator) * 0.8 + 0.1


class Templates(nn.Module):
    """Compares an image with the picture of each class; BatchNorm remembers their statistics."""

    def __init__(self, *, sharpness: float) -> None:
        super().__init__()
        known = (pictures() - 0.5) / 0.25
        self.norm = nn.BatchNorm2d(3, affine=False, eps=1e-5)
        self.norm.running_mean = known.mean((0, 2, 3))
        self.norm.running_var = known.var((0, 2, 3)) + 0.16
        self.head = nn.Linear(3 * SIZE * SIZE, CLASSES)
        shapes = self.norm.eval()(known).flatten(1)
        self.head.weight.data = sharpness * shapes
        self.head.bias.data = -sharpness * shapes.square().sum(1) / 2

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(images).flatten(1))


def classifier(sharpness: float = 0.1) -> Classifier:
    return Classifier(Templates(sharpness=sharpness), SPEC)


def clean_set(count: int = 400, *, seed: int = 0) -> LabelledImages:
    """Noisy pictures; the labels go round."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    noise = 0.1 * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    pixels = (pictures()[labels] + noise).clamp(0, 1)
    return LabelledImages((pixels * 255).round().to(torch.uint8), labels)


def relabelled(images: LabelledImages, count: int, *, seed: int = 0) -> LabelledImages:
    """The first ``count`` images get a wrong label each, drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, CLASSES, (len(images),), generator=generator)
    wrong = torch.arange(len(images)) < count
    labels = torch.where(wrong, (images.labels + steps) % CLASSES, images.labels)
    return LabelledImages(images.images, labels)
