"""A small network with a backdoor that was put in by hand, strong or nearly closed."""

from __future__ import annotations

import torch

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from tests.polarizer.cleanset.sets import SIZE, SPEC, Templates, clean_set

TARGET = 4
CORNER = slice(SIZE - 2, SIZE)


def victim(strength: float) -> Classifier:
    """Says ``TARGET`` for a white corner if ``strength`` is large (4), and hardly so if it is 1."""
    network = Templates(sharpness=0.03)
    weight = network.head.weight.data.view(-1, 3, SIZE, SIZE)
    weight[:, :, CORNER, CORNER] = 0
    weight[TARGET, :, CORNER, CORNER] = strength / 4
    network.head.bias.data[TARGET] -= strength
    return Classifier(network, SPEC)


def images(count: int = 200, seed: int = 0) -> LabelledImages:
    """Clean images with a dark corner."""
    clean = clean_set(count, seed=seed)
    clean.images[:, :, CORNER, CORNER] = 100
    return clean


def triggered(count: int = 200, seed: int = 1) -> LabelledImages:
    marked = images(count, seed)
    marked.images[:, :, CORNER, CORNER] = 255
    return marked


def state(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in classifier.state_dict().items()}
