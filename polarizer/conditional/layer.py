"""A layer behind a polarizer that has to be told a class.

As with the published polarizer, the layer's weights move to names of their own
(``<layer>.layer.*``, beside ``<layer>.polarizer.*``), so that no loader of the plain network takes
the file, and no network runs it without saying which class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import torch
from torch import Tensor, nn

from polarizer.conditional.forms import form
from polarizer.config import Method
from polarizer.errors import ConfigError
from polarizer.polarizers import polarizable_layer
from polarizer.wrapping import LayerWrapper


class Base(Enum):
    """The condition under which a conditioned layer is the layer of the base network."""

    BASE = "base"


Condition = Tensor | Base
"""int64 (N,): a class for each image of the batch; or the base network."""


class ConditionedLayer(LayerWrapper):
    """``layer`` behind a polarizer on its input, for the classes in ``condition``.

    Raises :class:`ConfigError` when no condition is set, which :func:`conditioned` does, and when
    the layer is called with something that is not made of whole images.
    """

    condition: Condition | None

    def __init__(self, layer: nn.Conv2d | nn.Linear, polarizer: nn.Module, method: Method) -> None:
        super().__init__()
        self.polarizer = polarizer.to(layer.weight.device)
        self.layer = layer
        self.method = method
        self.condition = None

    def forward(self, features: Tensor) -> Tensor:
        """What ``layer`` makes of the features, polarized for the classes of the images."""
        if self.condition is None:
            raise ConfigError(
                "the network holds a class-conditioned polarizer and was not told a class; "
                "call it through polarizer.Classifier"
            )
        if isinstance(self.condition, Tensor):
            features = self._polarized(features, self.condition)
        return self.layer(features)  # type: ignore[no-any-return]

    def _polarized(self, features: Tensor, classes: Tensor) -> Tensor:
        spatial = isinstance(self.layer, nn.Conv2d)
        rows = features.movedim(1, -1) if spatial else features
        positions = rows.flatten(1, -2) if rows.ndim > 2 else rows[:, None]
        changed: Tensor = self.polarizer(positions, _for_rows(classes, len(rows)))
        changed = changed.reshape(rows.shape)
        return changed.movedim(-1, 1) if spatial else changed


@contextmanager
def conditioned(module: nn.Module, condition: Condition) -> Iterator[None]:
    """Within the block every conditioned layer of ``module`` runs under ``condition``."""
    layers = list(conditioned_layers(module).values())
    before = [layer.condition for layer in layers]
    for layer in layers:
        layer.condition = condition
    try:
        yield
    finally:
        for layer, earlier in zip(layers, before, strict=True):
            layer.condition = earlier


def conditioned_layers(module: nn.Module) -> dict[str, ConditionedLayer]:
    """The conditioned layers in ``module``, by name, outer ones first."""
    return {name: m for name, m in module.named_modules() if isinstance(m, ConditionedLayer)}


def attach_conditioned(
    module: nn.Module,
    layer_name: str,
    method: Method,
    classes: int,
    generator: torch.Generator | None = None,
) -> ConditionedLayer:
    """Put an untrained polarizer of ``method`` before the layer ``layer_name``, in place.

    Returns the wrapper, in evaluation mode. ``classes``: how many the network knows. ``generator``
    draws the embeddings; the artefact loader, which overwrites them, gives none. Raises
    :class:`ConfigError` when there is no such convolution or linear layer, and for more classes
    than r-CNPD keeps polarizers for.
    """
    layer = polarizable_layer(module, layer_name)
    channels = layer.in_channels if isinstance(layer, nn.Conv2d) else layer.in_features
    polarizer = form(method, channels, classes, generator)
    wrapper = ConditionedLayer(layer, polarizer, method).eval()
    module.set_submodule(layer_name, wrapper)
    return wrapper


def _for_rows(classes: Tensor, rows: int) -> Tensor:
    """A class for each row, where an image may have been cut into several (windows, say)."""
    if rows % len(classes):
        raise ConfigError(
            f"the polarized layer sees {rows} rows for {len(classes)} images; choose another layer"
        )
    return classes.repeat_interleave(rows // len(classes))
