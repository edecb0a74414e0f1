"""Weights back into the graph that came in: nothing else of the file changes.

But for the published polarizer, which folds into nothing: in evaluation it is one affine map of the
channels, and becomes a convolution of its own before the layer's node.
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
    from onnx import ModelProto

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
    """A 1x1 convolution before the node that makes ``output``."""
    from onnx import helper

    nodes = model.graph.node
    place = next(number for number, node in enumerate(nodes) if output in node.output)
    weight, bias = _affine({key: tensors[f"{layer}.polarizer.{key}"].float() for key in _KEYS})
    prefix = f"{layer}.polarizer"
    for name, value in ((f"{prefix}.weight", weight), (f"{prefix}.bias", bias)):
        proto = model.graph.initializer.add(name=name, data_type=1, dims=value.shape, raw_data=b"")
        put(proto, value)
    polarized = f"{prefix}.output"
    inputs = [nodes[place].input[0], f"{prefix}.weight", f"{prefix}.bias"]
    nodes[place].input[0] = polarized
    nodes.insert(place, helper.make_node("Conv", inputs, [polarized], prefix, kernel_shape=[1, 1]))


_KEYS = ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")


def _affine(its: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight (C, C, 1, 1) and bias (C,) of the convolution and the BatchNorm behind it."""
    scale = its["1.weight"] / torch.sqrt(its["1.running_var"] + _EPSILON)
    bias = (its["0.bias"] - its["1.running_mean"]) * scale + its["1.bias"]
    return its["0.weight"] * scale.view(-1, 1, 1, 1), bias
