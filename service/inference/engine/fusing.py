"""Folds every BatchNorm into the convolution right before it, whatever network they stand in.

Which ones these are is seen in a forward pass: a BatchNorm whose input is the very tensor that a
convolution returned, which nothing else used (a shortcut does, in some networks), both called once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


def fuse(network: nn.Module, pixels: Tensor) -> int:
    """Changes ``network`` in place; returns how many BatchNorms are gone."""
    pairs = adjacent(network, pixels)
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(  # type: ignore[type-var]
            network.get_submodule(convolution),
            network.get_submodule(norm),  # type: ignore[arg-type]
        )
        network.set_submodule(convolution, fused)
        network.set_submodule(norm, nn.Identity())
    return len(pairs)


def adjacent(network: nn.Module, pixels: Tensor) -> list[tuple[str, str]]:
    """Names of convolutions and of the BatchNorms that alone take their output."""
    sources: dict[int, tuple[str, Tensor]] = {}  # tensors stay, so that identities do too
    calls: Counter[str] = Counter()
    found: dict[str, tuple[str, int]] = {}
    uses = _Uses()

    def after(name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        calls[name] += 1
        sources[id(output)] = name, output
        uses.counts[id(output)] = 0  # those were of another tensor that is gone

    def before(name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[name] += 1
        if inputs and id(inputs[0]) in sources:
            found[name] = sources[id(inputs[0])][0], id(inputs[0])

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(partial(after, name)))
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            handles.append(module.register_forward_pre_hook(partial(before, name)))
    try:
        with torch.inference_mode(), uses:
            network(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return [
        (convolution, norm)
        for norm, (convolution, tensor) in found.items()
        if calls[convolution] == calls[norm] == uses.counts[tensor] == 1
    ]


class _Uses(TorchFunctionMode):
    """Counts how often each tensor went into the making of another one."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[int] = Counter()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        result = function(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            self.counts.update(
                id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)
            )
        return result
