"""Graphs that were exported for a fixed number of images, most often one.

Such a graph names that number where it reshapes, and holds what was to be repeated for each image
only so often. Both are seen by their first axis. The guess is checked where the file is loaded: as
many images at once must be answered as one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_SHAPED = ("Reshape", "Expand")
_JOINED = "Concat"


def for_any_number(
    operator: str,
    inputs: list[Tensor | None],
    options: Mapping[str, Any],
    batch: int,
    images: Tensor,
) -> list[Tensor | None]:
    """The inputs of a node as they would be, had the graph been exported for these ``images``."""
    count = len(images)
    if count == batch:
        return inputs
    if operator in _SHAPED and inputs[0] is not None and inputs[1] is not None:
        return [inputs[0], _shape(operator, inputs[0], inputs[1], batch, count)]
    if operator == _JOINED and options["axis"] != 0:
        return [_repeated(value, batch, count) for value in inputs]
    return inputs


def _shape(operator: str, x: Tensor, shape: Tensor, batch: int, count: int) -> Tensor:
    first = int(shape[0]) if shape.numel() else -1
    if first != batch or (operator == "Reshape" and (not x.ndim or x.shape[0] != count)):
        return shape
    return torch.cat([torch.tensor([count]), shape[1:]])


def _repeated(value: Tensor | None, batch: int, count: int) -> Tensor | None:
    if value is None or not value.ndim or value.shape[0] != batch or count % batch:
        return value
    return value.repeat(count // batch, *[1] * (value.ndim - 1))
