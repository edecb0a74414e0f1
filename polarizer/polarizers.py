"""Neural polarizers: linear maps on the input side of a layer, learned as weight parametrizations.

A layer with weight ``W`` is replaced by ``W' = W (I + D)``: its input passes the bias-free linear
map ``I + D`` first. ``D`` starts at zero, so nothing changes until it is trained. As the map has no
bias it commutes with zero padding, and folding it into the weight is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from polarizer.errors import ConfigError

PolarizableLayer = (nn.Conv2d, nn.Linear)


class NeuralPolarizer(nn.Module):
    """The map ``I + D`` before one layer, as a parametrization of the layer's weight.

    For a convolution of ``g`` groups the map is block-wise, one ``(C/g, C/g)`` matrix a group, and
    so for a depthwise one a scale for each channel.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
        inputs = layer.weight.shape[1]
        self.deviation = nn.Parameter(layer.weight.new_zeros(groups, inputs, inputs))

    def forward(self, weight: Tensor) -> Tensor:
        """``weight`` (O, C/g, …) → the weight of the same shape that sees polarized input."""
        inputs_last = weight.movedim(1, -1)
        groups, inputs, _ = self.deviation.shape
        change = inputs_last.reshape(groups, -1, inputs) @ self.deviation
        return weight + change.reshape(inputs_last.shape).movedim(-1, 1)


@contextmanager
def polarized(module: nn.Module, names: Sequence[str]) -> Iterator[list[NeuralPolarizer]]:
    """Within the block the named layers carry polarizers; yields these, in the order of ``names``.

    Leaving the block folds them into the weights. Leaving it by an exception takes them away and
    restores the weights. Either way no parametrization is left behind and the order of the
    parameters is kept. Raises :class:`ConfigError` for a name that is no polarizable layer.
    """
    layers = [polarizable_layer(module, name) for name in names]
    orders = [list(layer._parameters) for layer in layers]
    polarizers = [NeuralPolarizer(layer) for layer in layers]
    folding = False
    try:
        for layer, polarizer in zip(layers, polarizers, strict=True):
            parametrize.register_parametrization(layer, "weight", polarizer)
        yield polarizers
        folding = True
    finally:
        for layer, order in zip(layers, orders, strict=True):
            if parametrize.is_parametrized(layer, "weight"):
                _remove(layer, order, fold=folding)


def polarizable_layer(module: nn.Module, name: str) -> nn.Conv2d | nn.Linear:
    """The convolution or linear layer ``name``; :class:`ConfigError` that lists similar ones."""
    candidates = {n: m for n, m in module.named_modules() if isinstance(m, PolarizableLayer)}
    layer = candidates.get(name)
    if layer is None:
        similar = get_close_matches(name, candidates, n=5, cutoff=0.5) or list(candidates)[-5:]
        raise ConfigError(
            f"the model has no convolution or linear layer called {name!r}; "
            f"similar or last ones: {', '.join(similar) or 'none at all'}"
        )
    if parametrize.is_parametrized(layer):
        raise ConfigError(f"layer {name!r} is parametrized already; remove that first")
    return layer


def _remove(layer: nn.Module, order: list[str], *, fold: bool) -> None:
    with torch.no_grad():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=fold)
    for name in order:  # removal appends the weight after the bias
        layer._parameters[name] = layer._parameters.pop(name)
