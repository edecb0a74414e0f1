"""From a graph to a plan: which tensors the network keeps under which names, and what runs when."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from polarizer.onnx.graph import Graph, Node
from polarizer.onnx.layering import Layer, layer_of
from polarizer.onnx.operators import OPERATORS, bound
from polarizer.onnx.ownership import Ownership

_LONGEST = 100
_NO_NAME = re.compile(r"[^0-9A-Za-z]+")
_TAKEN = frozenset(dir(nn.Module())) | {"batch", "graph", "plan"}


@dataclass(frozen=True)
class Place:
    """The network keeps a tensor under ``key``; a matrix maybe transposed."""

    key: str
    transposed: bool = False


@dataclass(frozen=True, eq=False)
class Step:
    """``compute(*inputs, **options)``, after the module ``layer`` where there is one. ``last``:
    values that nobody takes afterwards."""

    operator: str
    compute: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Mapping[str, Any]
    shown: str
    together: bool
    layer: str | None = None
    last: tuple[str, ...] = ()


@dataclass(eq=False)
class Plan:
    """``places`` of the weights, by their names in the file; ``statistics`` are those that are no
    parameters: the running means and variances of BatchNorm. ``layers`` make the modules."""

    steps: list[Step] = field(default_factory=list)
    layers: dict[str, Callable[[], nn.Module]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    statistics: set[str] = field(default_factory=set)


def plan(graph: Graph) -> Plan:
    """Raises :class:`ModelFormatError` for attributes that are not known here."""
    made, names, owned = Plan(), _Names(), Ownership(graph)
    passed_on: set[str] = set()
    for node in graph.nodes:
        options = bound(node, graph.opset)
        layer = layer_of(node, options, graph, owned)
        if layer is None:
            made.steps.append(_step(node, options))
            if node.operator == "BatchNormalization":
                made.statistics.update(graph.weights.intersection(node.inputs[3:5]))
        else:
            made.steps.append(_on_layer(made, node, layer, names))
            passed_on.update(name for own in layer.weights.values() for name in own.through)
    steps = [step for step in made.steps if not passed_on.intersection(step.outputs)]
    made.steps = _with_ends(steps, graph)
    for name in sorted(graph.weights - set(made.places)):
        made.places[name] = Place(names.new(name))
    return made


def _step(node: Node, options: Mapping[str, Any]) -> Step:
    operator = OPERATORS[node.operator]
    return Step(
        node.operator,
        operator.compute,
        node.inputs,
        node.outputs,
        options,
        node.shown,
        operator.together,
    )


def _on_layer(made: Plan, node: Node, layer: Layer, names: _Names) -> Step:
    name = names.new(_stem(layer.named_by, node))
    made.layers[name] = layer.make
    made.statistics.update(layer.statistics)
    for key, own in layer.weights.items():
        made.places[own.name] = Place(f"{name}.{key}", own.transposed)
    return Step(
        node.operator,
        layer.compute,
        layer.inputs,
        node.outputs,
        {},
        node.shown,
        together=True,
        layer=name,
    )


def _with_ends(steps: list[Step], graph: Graph) -> list[Step]:
    """Each step with the values that it takes last, so that they need not be kept."""
    kept = {*graph.held, graph.output, ""}
    found = []
    for step in reversed(steps):
        last = tuple({*step.inputs, *step.outputs} - kept)
        kept.update(last)
        found.append(replace(step, last=last))
    return found[::-1]


def _stem(tensor: str, node: Node) -> str:
    """``layer1.0.conv1`` of ``layer1.0.conv1.weight``; else the node's name, as exporters that fold
    call their tensors by numbers."""
    stem, _, kind = tensor.rpartition(".")
    if kind in ("weight", "gamma", "scale", "kernel") and stem:
        return stem
    return node.name or node.operator


class _Names:
    """Names for modules and parameters: letters, digits and underscores, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._times: Counter[str] = Counter()

    def new(self, wanted: str) -> str:
        base = _NO_NAME.sub("_", wanted)[-_LONGEST:].strip("_") or "value"
        name = base
        while name in self._given or name in _TAKEN:
            self._times[base] += 1
            name = f"{base}_{self._times[base] + 1}"
        self._given.add(name)
        return name
