"""The published neural polarizer (Zhu et al., 2023): 1x1 convolution and BatchNorm before a layer.

Its BatchNorm and its bias cannot be folded into the layer behind them, so the polarizer stays a
module. It wraps that layer: what was ``layer4.1.conv1.weight`` becomes
``layer4.1.conv1.layer.weight``, beside ``layer4.1.conv1.polarizer.*``. A network without the
polarizer therefore finds no weight for the layer in such a file, and cannot be loaded undefended.

The paper polarizes convolutions. Before a linear layer, of tokens or of one pooled vector, the same
map is a linear layer and a BatchNorm over all positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.polarizers import polarizable_layer
from polarizer.wrapping import LayerWrapper


class PolarizedLayer(LayerWrapper):
    """``layer`` behind a polarizer on its input."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.polarizer = nn.Sequential(*_map_and_norm(layer)).to(layer.weight.device)
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W), or (N, …, C) for a linear layer → what ``layer`` makes of the polarized
        features."""
        return self.layer(self.polarizer(features))  # type: ignore[no-any-return]


class PositionNorm(nn.BatchNorm1d):
    """BatchNorm of features whose channels stand last: every position of every image counts."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, …, C) → the same shape."""
        return super().forward(features.flatten(0, -2)).view(features.shape)


def attach(module: nn.Module, layer_name: str) -> PolarizedLayer:
    """Put an untrained polarizer before the layer ``layer_name`` of ``module``, in place.

    Returns the wrapper, in evaluation mode; the artefact loader calls this before it loads the
    state. Raises :class:`ConfigError` when there is no such convolution or linear layer.
    """
    wrapper = PolarizedLayer(polarizable_layer(module, layer_name)).eval()
    module.set_submodule(layer_name, wrapper)
    return wrapper


def _map_and_norm(layer: nn.Conv2d | nn.Linear) -> tuple[nn.Module, nn.Module]:
    if isinstance(layer, nn.Conv2d):
        channels = layer.in_channels
        return _identity(nn.Conv2d(channels, channels, kernel_size=1)), nn.BatchNorm2d(channels)
    features = layer.in_features
    return _identity(nn.Linear(features, features)), PositionNorm(features)


def _identity(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """``layer`` of as many outputs as inputs and one position, made to change nothing."""
    with torch.no_grad():
        layer.weight.copy_(torch.eye(len(layer.weight)).view_as(layer.weight))
        layer.bias.zero_()  # type: ignore[union-attr]
    return layer
