"""A module in the place of a layer, that networks may still ask about the layer's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

_FORM = frozenset(
    {"in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"}
    | {"padding_mode", "in_features", "out_features"}
)


@dataclass(frozen=True)
class WeightFacts:
    """What may be asked of a wrapped layer's ``weight``; there is nothing to compute with."""

    dtype: torch.dtype
    device: torch.device
    shape: torch.Size


class LayerWrapper(nn.Module):
    """Stands for ``layer`` in a network.

    Some networks read the stride or the kernel size of their convolutions before they call them, as
    those with TensorFlow's padding do, or the type of their weights, as transformers do at their
    patches. Weights themselves are not passed on: who computes with these without calling the layer
    would pass by the polarizer.
    """

    layer: nn.Conv2d | nn.Linear

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in _FORM:
            return getattr(self.layer, name)
        if name == "weight":
            weight = self.layer.weight
            return WeightFacts(weight.dtype, weight.device, weight.shape)
        return super().__getattr__(name)
