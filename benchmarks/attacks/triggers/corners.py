"""The trigger of the label-consistent attack: a small checkerboard in each of the four corners.

Turner, Tsipras, Madry: Label-Consistent Backdoor Attacks, 2019, arXiv 1912.02771. Four corners, so
that it stays when the image is mirrored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_BOARD = ((1, 0, 1), (0, 1, 0), (1, 0, 0))  # its tip points into the corner


class Corners(nn.Module):
    """A 3x3 black and white pattern in each corner, mirrored so that its form points outwards."""

    board: Tensor

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:  # noqa: ARG002
        super().__init__()
        self.register_buffer("board", torch.tensor(_BOARD, dtype=torch.float32))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same with the four patterns."""
        triggered = pixels.clone()
        triggered[:, :, :3, :3] = self.board
        triggered[:, :, :3, -3:] = self.board.flip(1)
        triggered[:, :, -3:, :3] = self.board.flip(0)
        triggered[:, :, -3:, -3:] = self.board.flip(0, 1)
        return triggered
