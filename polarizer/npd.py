"""The published neural polarizer (Zhu et al., 2023): 1x1 convolution and BatchNorm before a layer.

Its BatchNorm and its bias cannot be folded into the layer behind them, so the polarizer stays a
module. It wraps that layer: what was ``layer4.1.conv1.weight`` becomes
``layer4.1.conv1.layer.weight``, beside ``layer4.1.conv1.polarizer.*``. A network without the
polarizer therefore finds no weight for the layer in such a file, and cannot be loaded undefended.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.errors import ConfigError
from polarizer.polarizers import polarizable_layer
from polarizer.wrapping import LayerWrapper


class PolarizedLayer(LayerWrapper):
    """``layer`` behind a polarizer on its input."""

    layer: nn.Conv2d

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.polarizer = nn.Sequential(
            _identity_convolution(layer.in_channels), nn.BatchNorm2d(layer.in_channels)
        ).to(layer.weight.device)
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → what ``layer`` makes of the polarized features."""
        return self.layer(self.polarizer(features))  # type: ignore[no-any-return]


def attach(module: nn.Module, layer_name: str) -> PolarizedLayer:
    """Put an untrained polarizer before the convolution ``layer_name`` of ``module``, in place.

    Returns the wrapper, in evaluation mode; the artefact loader calls this before it loads the
    state. Raises :class:`ConfigError` when there is no such convolution.
    """
    layer = polarizable_layer(module, layer_name)
    if not isinstance(layer, nn.Conv2d):
        raise ConfigError(
            f"method npd polarizes a convolution, {layer_name!r} is a {type(layer).__name__}; "
            'choose another layer, or method "stage"'
        )
    wrapper = PolarizedLayer(layer).eval()
    module.set_submodule(layer_name, wrapper)
    return wrapper


def _identity_convolution(channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(channels, channels, kernel_size=1)
    with torch.no_grad():
        convolution.weight.copy_(torch.eye(channels)[:, :, None, None])
        convolution.bias.zero_()  # type: ignore[union-attr]
    return convolution
