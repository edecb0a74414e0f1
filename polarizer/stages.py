"""Which layers to polarize, decided from one forward pass and not from names.

Two layers apart, one and the same recipe can remove a backdoor or leave it, so a fixed name does
not generalise; the layers of the last stage together do (docs/method.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from polarizer.errors import ConfigError
from polarizer.polarizers import PolarizableLayer

PART_OF_UNSTAGED = 4  # without stages, the last quarter of the layers counts as the last stage
FEWEST = 2  # one layer alone was not enough wherever we measured it


@dataclass(frozen=True)
class LayerCall:
    """One convolution or linear layer, as seen in a forward pass."""

    name: str
    positions: int  # of its output, for one image: height x width, or number of tokens
    spatial: bool  # works on a feature map or on tokens, not on one pooled vector


def last_stage(module: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Names of the convolutions and linear layers of the last stage, in execution order.

    The last stage is what runs at the resolution of the last layer that still works on a feature
    map or on tokens; the classifier's head is not part of it. A network that runs at one
    resolution for the most part (a vision transformer, say) has no stages: there it is the last
    quarter of its layers. There are at least two of them, if the network has two.

    ``inputs`` (N, C, H, W) are what ``module`` takes. Raises :class:`ConfigError` when the network
    calls no such layer.
    """
    calls = trace(module, inputs)
    if not calls:
        raise ConfigError("the model calls no convolution or linear layer: nothing to polarize")
    trunk = calls[:-1] or calls
    spatial = [call for call in trunk if call.spatial]
    if not spatial:
        return _last_quarter(trunk)
    stage = [call for call in trunk if call.positions == spatial[-1].positions]
    if 2 * len(stage) > len(trunk):
        return _last_quarter(stage)
    return _names(stage) if len(stage) >= FEWEST else _last_quarter(spatial)


def trace(module: nn.Module, inputs: Tensor) -> list[LayerCall]:
    """Every call of a convolution or linear layer in ``module(inputs)``, in execution order.

    The hooks that see them are gone afterwards, also when the module raises.
    """
    calls: list[LayerCall] = []
    handles = [
        layer.register_forward_hook(partial(_record, calls, name, len(inputs)))
        for name, layer in module.named_modules()
        if isinstance(layer, PolarizableLayer)
    ]
    try:
        with torch.no_grad():
            module(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _record(
    calls: list[LayerCall],
    name: str,
    batch: int,
    layer: nn.Module,
    _inputs: tuple[Tensor, ...],
    output: Tensor,
) -> None:
    channels = output.shape[1] if isinstance(layer, nn.Conv2d) else output.shape[-1]
    positions = output.numel() // (channels * batch)
    wide = isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1
    calls.append(LayerCall(name, positions, spatial=positions > 1 or wide))


def _last_quarter(calls: list[LayerCall]) -> tuple[str, ...]:
    return _names(calls[-max(FEWEST, len(calls) // PART_OF_UNSTAGED) :])


def _names(calls: list[LayerCall]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.name for call in calls))
