"""Two versions of one network, as purification leaves them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.npd import attach
from polarizer.purification import choose_layers
from tests.polarizer.architectures.test_huggingface import TINY
from tests.polarizer.models import description, network

ARCHITECTURES: dict[str, tuple[dict[str, Any], int]] = {
    "small_cnn": ({"name": "small_cnn", "width": 4, "channels": 1, "num_classes": 3}, 8),
    "preact_resnet18": ({"name": "preact_resnet18", "width": 4, "num_classes": 3}, 16),
    "resnet20": ({"name": "resnet20", "width": 4, "num_classes": 3}, 16),
    "vgg19_bn": ({"name": "vgg19_bn", "width": 2, "num_classes": 3}, 32),
} | {
    f"huggingface-{kind}": (
        {"name": "huggingface", "config": {"model_type": kind, **config}, "num_classes": 3},
        32,
    )
    for kind, config in TINY.items()
}


def base_of(name: str) -> Classifier:
    """An architecture of the table, with random weights."""
    fields, size = ARCHITECTURES[name]
    return Classifier(network(fields), description(fields, size).input)


def purified_of(base: Classifier, method: Method = Method.STAGE) -> Classifier:
    """A copy whose polarized layers have other weights, or a polarizer of their own."""
    purified = deepcopy(base)
    generator = torch.Generator().manual_seed(1)
    for layer in choose_layers(purified, method):
        if method is Method.NPD:
            convolution = attach(purified.module, layer).polarizer[0]
            convolution.weight.data += 0.1 * torch.randn(
                convolution.weight.shape, generator=generator
            )
        else:
            weight = purified.module.get_submodule(layer).weight
            weight.data *= 1 + 0.1 * torch.rand(weight.shape, generator=generator)
    return purified.requires_grad_(False)


def pixels_for(classifier: Classifier, rows: int, seed: int = 0) -> torch.Tensor:
    """Images of noise."""
    spec = classifier.spec
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((rows, spec.channels, spec.height, spec.width), generator=generator)
