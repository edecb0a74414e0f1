"""A module in the place of a layer, that networks may still ask about the layer's form."""

from __future__ import annotations

from typing import Any

from torch import nn

_FORM = frozenset(
    {"in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"}
    | {"padding_mode", "in_features", "out_features"}
)


class LayerWrapper(nn.Module):
    """Stands for ``layer`` in a network.

    Some networks read the stride or the kernel size of their convolutions before they call them, as
    those with TensorFlow's padding do. Weights are not passed on: who computes with these without
    calling the layer would pass by the polarizer.
    """

    layer: nn.Conv2d | nn.Linear

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in _FORM:
            return getattr(self.layer, name)
        return super().__getattr__(name)
