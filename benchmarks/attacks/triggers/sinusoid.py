"""SIG: a faint horizontal sine wave over the whole image.

Barni, Kallas, Tondi: A New Backdoor Attack in CNNs by Training Set Corruption Without Label
Poisoning, ICIP 2019.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_WAVES = 6
_LEAST_PERIOD = 4  # pixels


class Sinusoid(nn.Module):
    """``x + amplitude sin(2 pi f j / W)`` in every row, cut to [0, 1].

    ``f`` is 6 as in the paper, fewer where a wave would be shorter than four pixels.
    """

    wave: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        seed: int,  # noqa: ARG002
        amplitude: float = 40 / 255,
    ) -> None:
        super().__init__()
        width = shape[2]
        phase = 2 * math.pi * min(_WAVES, width // _LEAST_PERIOD) / width
        self.register_buffer("wave", amplitude * torch.sin(phase * torch.arange(width)))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same with the wave."""
        return (pixels + self.wave).clamp(0, 1)
