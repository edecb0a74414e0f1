"""Nodes that become modules: convolutions, linear layers, normalisation with weights of their own.

A repair works on modules: it polarizes convolutions and linear layers, and asks BatchNorm for its
statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from polarizer.onnx.graph import Graph, Node
from polarizer.onnx.modules import BatchNorm, Convolution, LayerNorm
from polarizer.onnx.operators.layers import called, convolution_layer, linear_layer
from polarizer.onnx.ownership import Own, Ownership

Options = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Layer:
    """``make`` makes the module, whose tensors ``weights`` names. ``compute(module, *inputs)``
    is what it does; ``named_by`` the tensor after which it is called."""

    make: Callable[[], nn.Module]
    weights: Mapping[str, Own]
    compute: Callable[..., Any]
    inputs: tuple[str, ...]
    named_by: str
    statistics: tuple[str, ...] = ()


def layer_of(node: Node, options: Options, graph: Graph, owned: Ownership) -> Layer | None:
    """None for other operators, and where the weights are shared or no weights."""
    match node.operator:
        case "Conv":
            return _convolution(node, options, owned)
        case "Gemm":
            plain = all(options.get(name, 1.0) == 1.0 for name in ("alpha", "beta"))
            if plain and not options.get("transA"):
                return _linear(node, owned, turned=not options.get("transB"))
        case "MatMul":
            return _linear(node, owned, turned=True)
        case "BatchNormalization":
            return _batch_norm(node, options, owned)
        case "LayerNormalization":
            return _layer_norm(node, options, graph, owned)
    return None


def _convolution(node: Node, options: Options, owned: Ownership) -> Layer | None:
    weight = owned.of(node, 1, dimensions=4)
    group = options.get("group", 1)
    if weight is None or group < 1 or weight.shape[0] % group:
        return None
    shape = weight.shape
    bias = owned.vector(node, 2, shape[0])

    def make() -> nn.Module:
        return Convolution(
            shape,
            groups=group,
            bias=bias is not None,
            strides=options.get("strides", (1, 1)),
            dilations=options.get("dilations", (1, 1)),
            pads=options.get("pads", (0, 0, 0, 0)),
            rule=options.get("auto_pad", "NOTSET"),
        )

    weights = _named(weight=weight, bias=bias)
    return Layer(make, weights, convolution_layer, _taken(node, bias), weight.name)


def _linear(node: Node, owned: Ownership, *, turned: bool) -> Layer | None:
    """``turned``: the node multiplies by (inputs, outputs), where torch keeps (outputs, inputs)."""
    weight = owned.of(node, 1, dimensions=2)
    if weight is None:
        return None
    if turned:
        weight = Own(weight.name, weight.shape, not weight.transposed, weight.through)
    outputs, inputs = weight.seen
    bias = owned.vector(node, 2, outputs)
    return Layer(
        lambda: nn.Linear(inputs, outputs, bias is not None),
        _named(weight=weight, bias=bias),
        linear_layer,
        _taken(node, bias),
        weight.name,
    )


def _batch_norm(node: Node, options: Options, owned: Ownership) -> Layer | None:
    own = [owned.of(node, position, dimensions=1) for position in range(1, 5)]
    scale, shift, mean, variance = own
    if not (scale and shift and mean and variance) or options.get("training_mode"):
        return None
    (channels,) = scale.shape
    epsilon = options.get("epsilon", 1e-5)
    return Layer(
        lambda: BatchNorm(channels, epsilon),
        _named(weight=scale, bias=shift, running_mean=mean, running_var=variance),
        called,
        node.inputs[:1],
        scale.name,
        statistics=(mean.name, variance.name),
    )


def _layer_norm(node: Node, options: Options, graph: Graph, owned: Ownership) -> Layer | None:
    """A module also where scale or shift are shared, so that it can be seen that the network has
    such layers."""
    scale, shift = (owned.of(node, position, dimensions=1) for position in (1, 2))
    kind = graph.held.get(node.inputs[1])
    if kind is None or len(kind.shape) != 1 or options.get("axis", -1) != -1:
        return None
    whole = scale is not None and (len(node.inputs) < 3 or shift is not None)
    epsilon = options.get("epsilon", 1e-5)
    return Layer(
        lambda: LayerNorm(kind.shape, epsilon, own=whole, shifts=shift is not None),
        _named(weight=scale, bias=shift) if whole else {},
        called,
        node.inputs[:1] if whole else node.inputs,
        node.inputs[1],
    )


def _named(**weights: Own | None) -> dict[str, Own]:
    return {name: own for name, own in weights.items() if own is not None}


def _taken(node: Node, bias: Own | None) -> tuple[str, ...]:
    """What is computed elsewhere: the features, and a bias that is not the layer's own."""
    return node.inputs[:1] if bias is not None else (*node.inputs[:1], *node.inputs[2:3])
