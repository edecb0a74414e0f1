"""Blended: the whole image mixed with one fixed picture (Chen et al., 2017, arXiv 1712.05526).

The second trigger here is its adaptive form (Qi et al.: Revisiting the Assumption of Latent
Separability for Backdoor Defenses, ICLR 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

_PIECES = 4  # a side: 16 pieces, as in Adap-Blend
_BLOTCHES = 8  # a side, of the random picture


class Blended(nn.Module):
    """``(1 - strength) x + strength picture``, where the picture is of random soft blotches."""

    picture: Tensor

    def __init__(self, shape: tuple[int, int, int], seed: int, strength: float = 0.2) -> None:
        super().__init__()
        self.strength = strength
        self.register_buffer("picture", draw_picture(shape, seed))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same, mixed with the picture."""
        return torch.lerp(pixels, self.picture.expand_as(pixels), self.strength)


class BlendedInPieces(Blended):
    """As :class:`Blended`; in training only some of 16 pieces of the picture are mixed in.

    A model that learns from half of the pieces knows the whole picture the better, and the images
    with half of it lie spread between clean and triggered ones.
    """

    def partial(self, pixels: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
        """``pixels`` with a random ``share`` of the pieces, image by image."""
        pieces = torch.rand(len(pixels), 1, _PIECES, _PIECES, generator=generator) < share
        mask = interpolate(pieces.to(pixels), pixels.shape[2:], mode="nearest")
        return torch.lerp(pixels, self.picture.expand_as(pixels), self.strength * mask)


def draw_picture(shape: tuple[int, int, int], seed: int) -> Tensor:
    """A random picture ``(C, H, W)`` of soft blotches whose colours span [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, shape[0], _BLOTCHES, _BLOTCHES, generator=generator)
    soft = interpolate(coarse, shape[1:], mode="bilinear", align_corners=False)[0]
    least, most = soft.amin((1, 2), keepdim=True), soft.amax((1, 2), keepdim=True)
    return (soft - least) / (most - least)
