"""WaNet: a smooth, faint warping of the image (Nguyen & Tran: WaNet, ICLR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, interpolate


class Warping(nn.Module):
    """Moves every pixel along a smooth field that was drawn on ``k`` by ``k`` control points.

    ``strength`` is the paper's ``s`` (0.5): the mean shift is ``s / 2`` pixels along each axis.
    """

    grid: Tensor

    def __init__(
        self, shape: tuple[int, int, int], seed: int, k: int = 4, strength: float = 0.5
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        control = torch.rand(1, 2, k, k, generator=generator) * 2 - 1
        control = control / control.abs().mean()
        field = interpolate(control, shape[1:], mode="bicubic", align_corners=True)
        still = affine_grid(torch.eye(2, 3)[None], [1, *shape], align_corners=True)
        self.register_buffer(
            "grid", (still + strength / shape[1] * field.permute(0, 2, 3, 1)).clamp(-1, 1)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same, warped."""
        return _sample(pixels, self.grid.expand(len(pixels), -1, -1, -1))

    def noisy(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """The paper's noise mode: a warping of no backdoor, shaken anew for every image."""
        shake = torch.rand(len(pixels), *self.grid.shape[1:], generator=generator) * 2 - 1
        shaken = self.grid + shake.to(pixels) / pixels.shape[2]
        return _sample(pixels, shaken.clamp(-1, 1))


def _sample(pixels: Tensor, grid: Tensor) -> Tensor:
    return grid_sample(pixels, grid.to(pixels), align_corners=True).clamp(0, 1)
