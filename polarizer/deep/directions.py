"""Which way stand-ins go: gradients gathered class by class, each as long as any other."""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.images import sent

MEMORY = 0.6  # of the last directions in the next


def gathered(gradients: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The classes in ``targets`` (M,), of the CPU, each once, and the sum of the ``gradients``
    (M, ...) of the images of each; both where the gradients are."""
    seen, positions = torch.unique(targets, return_inverse=True)
    sums: Tensor = gradients.new_zeros(len(seen), *gradients.shape[1:])
    there = gradients.device
    return sent(seen, there), sums.index_add_(0, sent(positions, there), gradients)


def averaged(memory: Tensor, gradients: Tensor, seen: Tensor) -> Tensor:
    """``memory`` (K, ...), changed in place, of the classes ``seen`` after these ``gradients``."""
    memory[seen] = MEMORY * memory[seen] + unit(gradients)
    return memory[seen]


def unit(directions: Tensor) -> Tensor:
    """Each of ``directions`` (M, ...) with an L2 norm of 1."""
    return directions / lengths(directions)


def lengths(tensors: Tensor) -> Tensor:
    """The L2 norm of each of ``tensors`` (M, ...), never 0, as (M, 1, ...)."""
    norms: Tensor = tensors.flatten(1).norm(dim=1).clamp(min=torch.finfo(tensors.dtype).tiny)
    return norms.view(-1, *[1] * (tensors.ndim - 1))
