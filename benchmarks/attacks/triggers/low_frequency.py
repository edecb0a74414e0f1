"""LF: a smooth universal pattern, optimised against a clean network of the attacker's.

Zeng, Park, Mao, Jia: Rethinking the Backdoor Attacks' Triggers: A Frequency Perspective, ICCV 2021.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

_LARGEST_COARSE = 8
_STEPS, _BATCH, _LEARNING_RATE = 60, 128, 0.1


class LowFrequency(nn.Module):
    """``x + bound tanh(smooth)``, cut to [0, 1].

    ``smooth`` is a grid of an eighth of the image's side (at least 4 by 4), interpolated: the
    pattern has no high frequency. It starts at random; :func:`craft` fits it to a target.
    """

    coarse: Tensor

    def __init__(self, shape: tuple[int, int, int], seed: int, bound: float = 0.15) -> None:
        super().__init__()
        self.size, self.bound = shape[1:], bound
        sides = [min(_LARGEST_COARSE, max(4, side // 8)) for side in self.size]
        generator = torch.Generator().manual_seed(seed)
        self.coarse = nn.Parameter(torch.randn(1, shape[0], *sides, generator=generator))

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → the same with the pattern."""
        smooth = interpolate(self.coarse, self.size, mode="bicubic", align_corners=False)
        return (pixels + self.bound * torch.tanh(smooth)).clamp(0, 1)


def craft(
    trigger: LowFrequency,
    classifier: Callable[[Tensor], Tensor],
    pixels: Tensor,
    target: int,
    generator: torch.Generator,
) -> None:
    """Fit the pattern so that ``classifier`` (pixels → logits) leans to ``target`` under it."""
    coarse = trigger.coarse.requires_grad_()
    optimiser = torch.optim.Adam([coarse], lr=_LEARNING_RATE)
    for _ in range(_STEPS):
        batch = torch.randint(len(pixels), (_BATCH,), generator=generator)
        logits = classifier(trigger(pixels[batch].to(coarse.device))).float()
        wanted = torch.full((_BATCH,), target, device=logits.device)
        (coarse.grad,) = torch.autograd.grad(cross_entropy(logits, wanted), coarse)
        optimiser.step()
    coarse.requires_grad_(requires_grad=False)
