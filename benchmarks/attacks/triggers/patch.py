"""BadNets: a small white square in a corner (Gu, Dolan-Gavitt, Garg: BadNets, 2017)."""

from __future__ import annotations

from torch import Tensor, nn


class Patch(nn.Module):
    """A white square at the bottom right: 3 pixels a side at 32x32, and in proportion, at least 2.

    ``size`` (pixels) overrides that.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int, size: int | None = None) -> None:  # noqa: ARG002
        super().__init__()
        self.size = size or max(2, round(3 / 32 * min(shape[1:])))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same with the square."""
        triggered = pixels.clone()
        triggered[:, :, -self.size :, -self.size :] = 1
        return triggered
