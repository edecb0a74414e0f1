"""Random shifts and mirroring of training images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def shifted(pixels: Tensor, generator: torch.Generator, reach: int) -> Tensor:
    """Each image (N, C, H, W) moved by up to ``reach`` pixels along each axis, black outside."""
    count, _, height, width = pixels.shape
    down, right = torch.randint(0, 2 * reach + 1, (2, count), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, :]
    padded = pad(pixels, (reach,) * 4).permute(0, 2, 3, 1)
    images = torch.arange(count)[:, None, None]
    index = [part.to(pixels.device) for part in (images, rows, columns)]
    return padded[index[0], index[1], index[2]].permute(0, 3, 1, 2)


def mirrored(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each image (N, C, H, W) mirrored left to right with probability one half."""
    chosen = torch.rand(len(pixels), 1, 1, 1, generator=generator) < 0.5
    return torch.where(chosen.to(pixels.device), pixels.flip(3), pixels)
