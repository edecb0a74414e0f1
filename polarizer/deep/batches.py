"""How many images a step of ``deep`` takes when nobody says."""

from __future__ import annotations

SMALL = 16  # pixels on the shorter side below which images are small
FOR_SMALL, FOR_OTHERS = 64, 32


def batch_size(shape: tuple[int, int, int]) -> int:
    """For images ``(C, H, W)``: a gradient averages over places too, of which large ones have more.

    On CIFAR-10 32 images did what 64 do in little more than half of the time; on 8x8 digits they
    left more of some attacks (docs/method.md).
    """
    return FOR_SMALL if min(shape[1:]) < SMALL else FOR_OTHERS
