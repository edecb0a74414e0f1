"""Polarizers that cannot fold: modules of their own in the network, attached by method."""

from __future__ import annotations

import torch
from torch import nn

from polarizer.conditional import ConditionedLayer, attach_conditioned
from polarizer.config import Method
from polarizer.npd import PolarizedLayer
from polarizer.npd import attach as attach_npd


def attach(
    module: nn.Module,
    layer_name: str,
    method: Method,
    *,
    classes: int,
    generator: torch.Generator | None = None,
) -> PolarizedLayer | ConditionedLayer:
    """Put an untrained polarizer of ``method`` before the layer ``layer_name``, in place.

    Returns the wrapper, in evaluation mode. The artefact loader calls this before it loads the
    state, without ``generator``. Raises :class:`ConfigError` when there is no such layer, or none
    that the method can polarize in a network of so many ``classes``.
    """
    if method is Method.NPD:
        return attach_npd(module, layer_name)
    return attach_conditioned(module, layer_name, method, classes, generator)


def attached_layers(module: nn.Module) -> dict[str, Method]:
    """The layers of ``module`` that stand behind such a polarizer, outer ones first."""
    return {
        name: Method.NPD if isinstance(part, PolarizedLayer) else part.method
        for name, part in module.named_modules()
        if isinstance(part, PolarizedLayer | ConditionedLayer)
    }
