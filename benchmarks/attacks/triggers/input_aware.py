"""Input-aware: a generator gives each image a trigger of its own (Nguyen & Tran, NeurIPS 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

_SHARPNESS = 5.0


class InputAware(nn.Module):
    """``x + m(x) (g(x) - x)``: where mask ``m`` says so, the pattern ``g`` replaces the image.

    Both are small encoder-decoders and are learnt together with the backdoored classifier.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int, width: int = 16) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.pattern = _EncoderDecoder(shape[0], shape[0], width)
            self.mask = _EncoderDecoder(shape[0], 1, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → each image with its own trigger."""
        return self.from_others(pixels, pixels)

    def from_others(self, pixels: Tensor, others: Tensor) -> Tensor:
        """Cross trigger: ``pixels`` (N, …) with the triggers that belong to ``others`` (N, …)."""
        return torch.lerp(pixels, self.patterns(others), self.masks(others))

    def patterns(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1]."""
        return torch.sigmoid(self.pattern(pixels))

    def masks(self, pixels: Tensor) -> Tensor:
        """``(N, 1, H, W)`` in [0, 1], most values near one of the ends."""
        return torch.sigmoid(_SHARPNESS * self.mask(pixels))


def diversity_loss(pixels: Tensor, outputs: Tensor) -> Tensor:
    """How much less the outputs of neighbours in the batch differ than the images do."""
    images = _distances(pixels, pixels.roll(1, 0))
    return (images / (_distances(outputs, outputs.roll(1, 0)) + 1e-3)).mean()


def density_loss(masks: Tensor, density: float) -> Tensor:
    """How far the masks (N, 1, H, W) cover more than ``density`` of the image, squared."""
    excess = (masks.mean((1, 2, 3)) - density).clamp(min=0)
    return mse_loss(excess, torch.zeros_like(excess))


def _distances(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).flatten(1).pow(2).mean(1).add(1e-12).sqrt()


class _EncoderDecoder(nn.Module):
    """``(N, C, H, W)`` → ``(N, out, H, W)`` by way of a quarter of the resolution."""

    def __init__(self, channels: int, out: int, width: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            *_layer(channels, width), nn.MaxPool2d(2), *_layer(width, 2 * width), nn.MaxPool2d(2)
        )
        self.middle = nn.Sequential(*_layer(2 * width, 2 * width))
        self.up = nn.Sequential(*_layer(2 * width, width))
        self.last = nn.Conv2d(width, out, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        features = self.middle(self.down(2 * pixels - 1))
        half = interpolate(features, (height // 2, width // 2), mode="bilinear")
        full = interpolate(self.up(half), (height, width), mode="bilinear")
        return self.last(full)


def _layer(channels: int, out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, padding=1), nn.GroupNorm(4, out), nn.ReLU()
