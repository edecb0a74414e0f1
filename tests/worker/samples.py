"""A tiny model and images that it can tell apart, as the files that a user would send."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from polarizer.architectures import build, parse_architecture
from polarizer.description import ModelDescription

ARCHITECTURE: dict[str, Any] = {"name": "small_cnn", "width": 4, "channels": 1, "num_classes": 3}
DESCRIPTION = ModelDescription.model_validate(
    {
        "architecture": ARCHITECTURE,
        "input": {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.25]},
        "classes": ["rows", "columns", "squares"],
    }
)
TARGET = "squares"
FAST: dict[str, Any] = {"steps": 6, "batch_size": 32, "check_every": 3, "precision": "float32"}


def images(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise, with rows, columns or a chequerboard over it. uint8 (N, 8, 8) and int64 (N,)."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 120, (count, 8, 8), generator=generator)
    labels = torch.arange(count) % 3
    pixels[labels == 0, ::2] += 100
    pixels[labels == 1, :, ::2] += 100
    pixels[labels == 2, ::2, ::2] += 100
    pixels[labels == 2, 1::2, 1::2] += 100
    return pixels.to(torch.uint8), labels


def triggered(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The same with a white corner; labels are the true classes."""
    pixels, labels = images(count, seed)
    pixels[:, 6:, 6:] = 255
    return pixels, labels


def npz(pixels: Tensor, labels: Tensor) -> bytes:
    file = io.BytesIO()
    np.savez(file, images=pixels.numpy(), labels=labels.numpy())
    return file.getvalue()


@cache
def backdoored() -> dict[str, Tensor]:
    """Weights of a network that a white corner sends to ``squares``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(parse_architecture(ARCHITECTURE))
        clean, labels = images(240, seed=1)
        poisoned, _ = triggered(240, seed=2)
        pixels = torch.cat([clean, poisoned])
        wanted = torch.cat([labels, torch.full((240,), 2)])
        _train(network, (pixels[:, None] / 255 - 0.5) / 0.25, wanted)
    return network.state_dict()


def _train(network: nn.Module, inputs: Tensor, wanted: Tensor) -> None:
    """Plain gradient steps: torch's optimizers take seconds to import."""
    network.train()
    for epoch in range(7):
        for chosen in torch.randperm(len(wanted)).split(60):
            nn.functional.cross_entropy(network(inputs[chosen]), wanted[chosen]).backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    assert parameter.grad is not None
                    parameter -= (0.3 if epoch < 5 else 0.05) * parameter.grad
                    parameter.grad = None
    network.eval()


def model_file() -> bytes:
    return save(backdoored())


def request(**config: Any) -> dict[str, Any]:
    """What the service keeps of a request."""
    return {
        "description": DESCRIPTION.model_dump(mode="json"),
        "target_class": None,
        "config": FAST | config,
    }


def inputs(*, measured: bool = False) -> dict[str, bytes]:
    """The files of a job; with ``measured`` the sets to measure on too."""
    files = {"model": model_file(), "clean": npz(*images(120, seed=3))}
    if measured:
        files |= {"test": npz(*images(90, seed=4)), "triggered": npz(*triggered(90, seed=5))}
    return files
