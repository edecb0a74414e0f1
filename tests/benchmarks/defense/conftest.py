"""One small backdoored classifier for all tests of this folder; made in about a second."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.attacks.backdoored import Backdoored, with_trigger
from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.description import InputSpec, SmallCnn
from polarizer.images import LabelledImages

CLASSES = 4


def corner(pixels: Tensor) -> Tensor:
    """A white patch in the lower right corner."""
    marked = pixels.clone()
    marked[:, :, -3:, -3:] = 1
    return marked


def bars(count: int, seed: int) -> LabelledImages:
    """Noise with a bright row for each class: learned at once."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    images = torch.randint(0, 120, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), :, labels] += 100
    return LabelledImages(images, labels)


@pytest.fixture(scope="session")
def bench() -> Backdoored:
    """A small CNN that says 0 whenever it sees the corner."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(SmallCnn(width=8, channels=1, num_classes=CLASSES)).train()
    spec = InputSpec(channels=1, height=8, width=8, mean=(0.3,), std=(0.3,))
    training = bars(256, seed=1)
    pixels = (torch.cat([training.pixels(), corner(training.pixels())]) - 0.3) / 0.3
    labels = torch.cat([training.labels, torch.zeros_like(training.labels)])
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(8):
        for chosen in torch.randperm(len(labels), generator=order).split(64):
            cross_entropy(network(pixels[chosen]), labels[chosen]).backward()
            optimizer.step()
            optimizer.zero_grad()
    test = bars(200, seed=2)
    triggered, targets = with_trigger(corner, test, 0, CLASSES)
    return Backdoored(
        name="bars",
        attack="badnets",
        classifier=Classifier(network, spec),
        clean=bars(120, seed=3),
        test=test,
        triggered=triggered,
        targets=targets,
        accuracy=1.0,
        attack_success=1.0,
        trigger=corner,
    )
