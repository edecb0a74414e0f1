"""Small models and their files, for the tests of what reads and writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from polarizer.architectures import build, parse_architecture
from polarizer.checkpoints import LoadedModel, load_classifier
from polarizer.description import ModelDescription

SMALL_CNN = {"name": "small_cnn", "width": 2, "channels": 1, "num_classes": 3}


def description(architecture: dict[str, Any] | None = None, size: int = 8) -> ModelDescription:
    """Of a small CNN for grey 8x8 images, or of another architecture."""
    fields = architecture or SMALL_CNN
    channels = fields.get("channels", 3)
    return ModelDescription.model_validate(
        {
            "architecture": fields,
            "input": {"channels": channels, "height": size, "width": size}
            | {"mean": [0.5] * channels, "std": [0.25] * channels},
            "classes": [f"class {number}" for number in range(fields["num_classes"])],
        }
    )


def network(architecture: dict[str, Any] | None = None, seed: int = 0) -> nn.Module:
    """A network with random weights, and batch statistics that are not the initial ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = build(parse_architecture(architecture or SMALL_CNN))
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return built.eval()


def state(**changes: Tensor) -> dict[str, Tensor]:
    """The state dict of :func:`network`, with some tensors replaced (``__`` stands for a dot)."""
    return network().state_dict() | {
        name.replace("__", "."): tensor for name, tensor in changes.items()
    }


def loaded(folder: Path, architecture: dict[str, Any] | None = None, size: int = 8) -> LoadedModel:
    """:func:`network`, by way of a file."""
    path = folder / "source.safetensors"
    save_file(network(architecture).state_dict(), path)
    return load_classifier(path, description(architecture, size))
