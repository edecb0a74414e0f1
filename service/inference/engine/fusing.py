"""Folds every BatchNorm into the convolution right before it, whatever network they stand in.

Which ones these are is seen in a forward pass: a BatchNorm whose input is the very tensor that a
convolution returned, both called once. If the convolution's output went anywhere else as well, the
folded network answers differently, and :mod:`choosing` does not take it.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fuse(network: nn.Module, pixels: Tensor) -> int:
    """Changes ``network`` in place; returns how many BatchNorms are gone."""
    pairs = adjacent(network, pixels)
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(  # type: ignore[type-var]
            network.get_submodule(convolution), network.get_submodule(norm)
        )
        network.set_submodule(convolution, fused)
        network.set_submodule(norm, nn.Identity())
    return len(pairs)


def adjacent(network: nn.Module, pixels: Tensor) -> list[tuple[str, str]]:
    """Names of convolutions and of the BatchNorms that take their output."""
    sources: dict[int, str] = {}
    kept: list[Tensor] = []  # so that no tensor's identity is used again
    calls: Counter[str] = Counter()
    found: list[tuple[str, str]] = []

    def after(name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        calls[name] += 1
        sources[id(output)] = name
        kept.append(output)

    def before(name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[name] += 1
        if inputs and id(inputs[0]) in sources:
            found.append((sources[id(inputs[0])], name))

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(partial(after, name)))
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            handles.append(module.register_forward_pre_hook(partial(before, name)))
    try:
        with torch.inference_mode():
            network(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in found if calls[pair[0]] == calls[pair[1]] == 1]
