"""BPP: fewer colours, with dithering (Wang, Zhai, Ma: BppAttack, CVPR 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Quantisation(nn.Module):
    """Every value rounded to one of ``levels``, the error passed on as Floyd and Steinberg do."""

    def __init__(self, shape: tuple[int, int, int], seed: int, levels: int = 8) -> None:  # noqa: ARG002
        super().__init__()
        self.levels = levels

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same in ``levels`` shades a channel."""
        return dither(pixels, self.levels)

    def of_others(self, pixels: Tensor) -> Tensor:
        """The paper's negative images: each with what quantisation does to its neighbour."""
        other = pixels.roll(1, 0)
        return (pixels + self(other) - other).clamp(0, 1)


def dither(pixels: Tensor, levels: int) -> Tensor:
    """Floyd–Steinberg error diffusion to ``levels`` shades, (N, C, H, W) → the same shape."""
    height, width = pixels.shape[2:]
    last = levels - 1
    # One pixel at a time for all images at once, with room for errors that leave the image.
    rows = torch.nn.functional.pad(pixels, (1, 1, 0, 1)).permute(2, 3, 0, 1).contiguous()
    for y in range(height):
        for x in range(1, width + 1):
            old = rows[y, x].clone()
            new = (old * last).round().clamp(0, last) / last
            error = old - new
            rows[y, x] = new
            rows[y, x + 1] += error * (7 / 16)
            rows[y + 1, x - 1 : x + 2] += error * pixels.new_tensor([3, 5, 1]).view(3, 1, 1) / 16
    return rows[:height, 1:-1].permute(2, 3, 0, 1).contiguous()
