"""FT-SAM: fine-tuning with sharpness-aware minimisation (Zhu et al., ICCV 2023, arXiv 2304.11823).

The weights are first moved to where the loss is worst near by, ``max L(w + e)`` over
``|T^-1 e|_2 <= rho``; the gradient there is what the weights descend. The neighbourhood is
adaptive, ``T = diag(|w|)``: large weights, which backdoor neurons tend to have, move most. To first
order ``e = rho T² g / |T g|_2`` with ``g`` the gradient at ``w``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.defense.rivals.fine_tuning import FineTuning
from benchmarks.defense.rivals.training import statistics_kept
from polarizer.classifier import Classifier


@dataclass(frozen=True)
class FtSam(FineTuning):
    """Fine-tuning's settings and ``rho``, the size of the neighbourhood (2 for CIFAR-10)."""

    rho: float = 2.0

    def set_gradients(self, tuned: Classifier, pixels: Tensor, labels: Tensor) -> None:
        """The gradient at the worst weights near by."""
        super().set_gradients(tuned, pixels, labels)
        trained = [weight for weight in tuned.parameters() if weight.grad is not None]
        with torch.no_grad():
            moves = perturbations(trained, self.rho)
            torch._foreach_add_(trained, moves)
        for weight in trained:
            weight.grad = None
        with statistics_kept(tuned):
            cross_entropy(tuned(pixels), labels).backward()
        with torch.no_grad():
            torch._foreach_sub_(trained, moves)


def perturbations(weights: list[Tensor], rho: float) -> list[Tensor]:
    """``rho T² g / |T g|`` for all ``weights`` together; ``g`` is each one's ``.grad``."""
    scaled = [weight.abs() * weight.grad for weight in weights]
    length = torch.stack([part.norm() for part in scaled]).norm()
    factor = rho / length.clamp(min=torch.finfo(length.dtype).tiny)
    return [factor * weight.abs() * part for weight, part in zip(weights, scaled, strict=True)]
