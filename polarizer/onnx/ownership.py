"""Which node a weight belongs to: the only one that takes it, maybe by way of others that pass it
on. Exporters do so: an ``Identity`` for a weight that was the same twice, a ``Transpose`` before a
product."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from polarizer.onnx.graph import Graph, Node


@dataclass(frozen=True)
class Own:
    """A weight of one node. ``shape`` is that in the file; ``transposed``: the node sees the matrix
    the other way round. ``through``: outputs of the nodes that pass it on."""

    name: str
    shape: tuple[int, ...]
    transposed: bool = False
    through: tuple[str, ...] = ()

    @property
    def seen(self) -> tuple[int, ...]:
        """The shape that the node sees."""
        return self.shape[::-1] if self.transposed else self.shape


class Ownership:
    """``of`` a node's input."""

    def __init__(self, graph: Graph) -> None:
        uses = Counter(name for node in graph.nodes for name in node.inputs if name)
        uses[graph.output] += 1
        self._owned = {
            name: Own(name, graph.held[name].shape) for name in graph.weights if uses[name] == 1
        }
        for node in graph.nodes:
            if node.inputs and node.outputs and uses[node.outputs[0]] == 1:
                self._pass_on(node)

    def of(self, node: Node, position: int, *, dimensions: int) -> Own | None:
        """The weight at this input, if it is this node's alone and has so many dimensions."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        own = self._owned.get(name)
        return own if own is not None and len(own.shape) == dimensions else None

    def vector(self, node: Node, position: int, length: int) -> Own | None:
        """The same for a bias."""
        own = self.of(node, position, dimensions=1)
        return own if own is not None and own.shape == (length,) else None

    def _pass_on(self, node: Node) -> None:
        own, output = self._owned.get(node.inputs[0]), node.outputs[0]
        if own is None:
            return
        if node.operator == "Identity":
            self._owned[output] = Own(own.name, own.shape, own.transposed, (*own.through, output))
        elif (
            node.operator == "Transpose"
            and len(own.shape) == 2
            and node.attributes.get("perm", (1, 0)) == (1, 0)
        ):
            turned = not own.transposed
            self._owned[output] = Own(own.name, own.shape, turned, (*own.through, output))
