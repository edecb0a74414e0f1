"""A checked graph in plain classes: what a network needs of an ONNX file beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Tensor


@dataclass(frozen=True)
class OnnxLimits:
    """Bounds that are checked before memory is taken."""

    max_nodes: int = 20_000
    max_tensors: int = 20_000
    max_dimensions: int = 8
    max_fields: int = 500_000
    """everything in the file that takes memory of its own: a node, a name, an attribute, a note"""
    max_graph_bytes: int = 64 * 2**20
    """of the graph without its weights"""
    max_packed_bytes: int = 4 * 2**20
    """of the same, compressed, as an artefact carries it"""


@dataclass(frozen=True)
class Held:
    """A tensor of the file by its type and shape alone."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. An input or output that is left out has an empty name."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def shown(self) -> str:
        """How an error names it."""
        return f"{self.operator} {self.name or next(filter(None, self.outputs), '')}"


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which they can be computed.

    ``held`` are all tensors of the file, initialisers and ``Constant`` nodes; ``constants`` are the
    values of those that are no weights. ``input_shape`` names the dimensions that are fixed, or is
    None when the file says nothing.
    """

    opset: int
    nodes: tuple[Node, ...]
    held: Mapping[str, Held]
    weights: frozenset[str]
    constants: Mapping[str, Tensor]
    input: str
    input_shape: tuple[int | None, ...] | None
    output: str

    @property
    def batch(self) -> int | None:
        """The number of images that the graph was exported for, if it was for one number only."""
        return self.input_shape[0] if self.input_shape else None
