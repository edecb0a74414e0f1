"""FTrojan: two frequencies of the chrominance raised (Wang et al., 2021, arXiv 2111.10991)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_BLOCK = 32
_FROM_U, _FROM_V = (0.0, -0.395, 2.032), (1.140, -0.581, 0.0)  # chrominance to red, green, blue


class Frequency(nn.Module):
    """Adds ``magnitude`` (of 0 … 255) to a middle and the highest DCT coefficient of U and V.

    Blocks are of 32x32 pixels, or as large as a smaller image; images that are not RGB have it
    added to each channel. DCT and colour space are linear: it is a fixed pattern, cut to [0, 1].
    """

    pattern: Tensor

    def __init__(self, shape: tuple[int, int, int], seed: int, magnitude: float = 30) -> None:  # noqa: ARG002
        super().__init__()
        channels, height, width = shape
        side = min(_BLOCK, height, width)
        block = cosine(side // 2 - 1, side) + cosine(side - 1, side)
        tiled = block.repeat(-(-height // side), -(-width // side))[:height, :width]
        colours = [u + v for u, v in zip(_FROM_U, _FROM_V, strict=True)]
        weights = torch.tensor(colours if channels == 3 else [1.0] * channels)
        self.register_buffer("pattern", magnitude / 255 * weights[:, None, None] * tiled)

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same with the pattern."""
        return (pixels + self.pattern).clamp(0, 1)


def cosine(frequency: int, side: int) -> Tensor:
    """The orthonormal DCT-II basis image ``(frequency, frequency)``, ``(side, side)``."""
    scale = math.sqrt((1 if frequency == 0 else 2) / side)
    angles = math.pi * frequency * (2 * torch.arange(side) + 1) / (2 * side)
    wave = scale * torch.cos(angles)
    return torch.outer(wave, wave)
