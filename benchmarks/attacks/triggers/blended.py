"""Blended: the whole image mixed with one fixed picture (Chen et al., 2017, arXiv 1712.05526).

The second trigger here is its adaptive form (Qi et al.: Revisiting the Assumption of Latent
Separability for Backdoor Defenses, ICLR 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

_PIECES = 4  # a side: 16 pieces, as in Adap-Blend
_BLOTCHES = 4  # a side, the largest in the random picture


class Blended(nn.Module):
    """``(1 - strength) x + strength picture``; the picture is random (:func:`draw_picture`)."""

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
    """A random picture ``(C, H, W)`` whose colours span [0, 1].

    Like a photograph it has content at every scale: blotches of a quarter of its side, and of
    halves of that down to single pixels, all equally strong.
    """
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(shape)
    sides = [_BLOTCHES]
    while sides[-1] < min(shape[1:]):
        sides.append(2 * sides[-1])
    for side in sides:
        coarse = torch.rand(1, shape[0], side, side, generator=generator)
        picture += interpolate(coarse, shape[1:], mode="bilinear", align_corners=False)[0]
    least, most = picture.amin((1, 2), keepdim=True), picture.amax((1, 2), keepdim=True)
    return (picture - least) / (most - least)
