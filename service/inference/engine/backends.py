"""The ways to compute a network. All give the same logits, to rounding."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class EagerBackend:
    """torch, layer by layer; what all others are compared with."""

    name = "eager"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = network.to(device)
        self.nbytes = nbytes_of(network)
        self._device = device

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(self._laid_out(pixels.to(self._device)))
        return logits.float().cpu()

    def _laid_out(self, pixels: Tensor) -> Tensor:
        return pixels


class FusedBackend(EagerBackend):
    """The same with BatchNorms folded into convolutions (:mod:`fusing`), channels last."""

    name = "fused"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        super().__init__(network.to(memory_format=torch.channels_last), device)  # type: ignore[call-overload]

    def _laid_out(self, pixels: Tensor) -> Tensor:
        return pixels.contiguous(memory_format=torch.channels_last)


class CompiledBackend(FusedBackend):
    """torch.compile of it: worth its minute on a graphics card only."""

    name = "compiled"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        super().__init__(network, device)
        self.network = torch.compile(self.network, dynamic=True)  # type: ignore[assignment]


def nbytes_of(module: nn.Module) -> int:
    """Of its parameters and buffers; a tensor that two modules share counts once."""
    tensors = itertools.chain(module.parameters(), module.buffers())
    return sum(tensor.nbytes for tensor in {id(tensor): tensor for tensor in tensors}.values())
