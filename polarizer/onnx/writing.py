"""Weights back into the graph that came in: nothing else of the file changes.

But for the published polarizer, which folds into nothing: in evaluation it is one affine map of the
channels, and becomes a convolution of its own before the layer's node, or a product and a sum where
that is a linear layer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from polarizer.errors import CheckpointKeysError
from polarizer.listing import some
from polarizer.onnx.parsing import tensors_of
from polarizer.onnx.planning import Place, plan
from polarizer.onnx.reading import unpacked
from polarizer.onnx.tensors import put

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_EPSILON = 1e-5  # of the polarizer's BatchNorm


def written_back(
    packed: str, tensors: Mapping[str, Tensor], attached: Collection[str] = ()
) -> ModelProto:
    """The file that was packed, with weights by the network's names, in the types that it had.

    The layers ``attached`` stand behind a published polarizer. Raises :class:`CheckpointKeysError`
    when these are not the network's weights.
    """
    graph, model = unpacked(packed)
    made = plan(graph)
    places = {name: _behind(place, attached) for name, place in made.places.items()}
    lacking = [place.key for place in places.values() if place.key not in tensors]
    if lacking:
        raise CheckpointKeysError(f"the ONNX graph's weights are not all there: {some(lacking)}")
    for name, proto in tensors_of(model):
        if name in places:
            put(proto, turned(tensors[places[name].key], places[name]))
    for step in made.steps:
        if step.layer in attached:
            _insert(model, step.outputs[0], step.layer or "", tensors)
    return model


def turned(tensor: Tensor, place: Place) -> Tensor:
    """Between the file's and the network's way to keep a matrix; the same in both directions."""
    return tensor.t() if place.transposed else tensor


def _behind(place: Place, attached: Collection[str]) -> Place:
    layer, _, key = place.key.rpartition(".")
    return Place(f"{layer}.layer.{key}", place.transposed) if layer in attached else place


def _insert(model: ModelProto, output: str, layer: str, tensors: Mapping[str, Tensor]) -> None:
    """The polarizer of ``layer`` before the node that makes ``output``."""
    nodes = model.graph.node
    place = next(number for number, node in enumerate(nodes) if output in node.output)
    weight, bias = _affine({key: tensors[f"{layer}.polarizer.{key}"].float() for key in _KEYS})
    prefix = f"{layer}.polarizer"
    spatial = weight.ndim == 4
    values = {"weight": weight if spatial else weight.t(), "bias": bias}
    for key, value in values.items():
        proto = model.graph.initializer.add(data_type=1, dims=value.shape, raw_data=b"")
        proto.name = f"{prefix}.{key}"
        put(proto, value)
    features = nodes[place].input[0]
    made = _convolution(prefix, features) if spatial else _product(prefix, features)
    nodes[place].input[0] = made[-1].output[0]
    for number, node in enumerate(made):
        nodes.insert(place + number, node)


def _convolution(prefix: str, features: str) -> list[NodeProto]:
    from onnx import helper

    inputs = [features, f"{prefix}.weight", f"{prefix}.bias"]
    return [helper.make_node("Conv", inputs, [f"{prefix}.output"], prefix, kernel_shape=[1, 1])]


def _product(prefix: str, features: str) -> list[NodeProto]:
    from onnx import helper

    product, output = f"{prefix}.product", f"{prefix}.output"
    return [
        helper.make_node("MatMul", [features, f"{prefix}.weight"], [product], product),
        helper.make_node("Add", [product, f"{prefix}.bias"], [output], prefix),
    ]


_KEYS = ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")


def _affine(its: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight (C, C, 1, 1) or (C, C) and bias (C,) of the map and the BatchNorm behind it."""
    scale = its["1.weight"] / torch.sqrt(its["1.running_var"] + _EPSILON)
    bias = (its["0.bias"] - its["1.running_mean"]) * scale + its["1.bias"]
    weight = its["0.weight"]
    return weight * scale.view(-1, *[1] * (weight.ndim - 1)), bias
