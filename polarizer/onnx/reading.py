"""An ONNX file as a graph, its weights by name, and the graph packed for an artefact."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from polarizer.errors import ModelFormatError
from polarizer.listing import shown
from polarizer.onnx.dependence import check_sizes
from polarizer.onnx.graph import Graph, Held, Node, OnnxLimits
from polarizer.onnx.operators import OPERATORS
from polarizer.onnx.parsing import attributes_of, opset_of, parse, tensors_of
from polarizer.onnx.tensors import held, values, without_values

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

_FLOATS = (1, 10, 11, 16)
_LOGITS = "logits"
_PROBABILITIES = "Softmax"


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """``tensors`` are the weights as the file holds them, by the file's names; ``packed`` is all of
    the file but their values, as text."""

    graph: Graph
    tensors: dict[str, Tensor]
    packed: str


def read_onnx(content: bytes, limits: OnnxLimits | None = None) -> OnnxFile:
    """The content of an ``.onnx`` file. Nothing in it is run.

    Raises :class:`ModelFormatError` for damage, for what is over a limit, and for what a plain
    image classifier in floating point does not need.
    """
    limits = limits or OnnxLimits()
    model = parse(content, limits)
    protos = _protos(model)
    graph = _graph(model, protos, limits)
    tensors = {}
    for name in protos:
        if name in graph.weights:
            tensors[name] = values(protos[name], graph.held[name])
            without_values(protos[name])
    return OnnxFile(graph, tensors, _packed(model, limits))


def unpacked(packed: str, limits: OnnxLimits | None = None) -> tuple[Graph, ModelProto]:
    """What :func:`read_onnx` packed, checked again as any file: an artefact may come from anywhere.

    Raises :class:`ModelFormatError`.
    """
    limits = limits or OnnxLimits()
    model = parse(_inflated(packed, limits), limits)
    return _graph(model, _protos(model), limits), model


def _packed(model: ModelProto, limits: OnnxLimits) -> str:
    content = model.SerializeToString(deterministic=True)
    text = base64.b64encode(zlib.compress(content, 9)).decode()
    if len(content) > limits.max_graph_bytes or len(text) > limits.max_packed_bytes:
        raise ModelFormatError(
            f"the ONNX graph has {len(content):,} bytes without its weights, {len(text):,} packed; "
            f"at most {limits.max_graph_bytes:,} and {limits.max_packed_bytes:,} are read"
        )
    return text


def _inflated(packed: str, limits: OnnxLimits) -> bytes:
    try:
        content = zlib.decompressobj()
        found = content.decompress(base64.b64decode(packed, validate=True), limits.max_graph_bytes)
    except (zlib.error, binascii.Error, ValueError) as error:
        raise ModelFormatError(f"the artefact's ONNX graph is damaged: {error}") from error
    if content.unconsumed_tail or not content.eof:
        raise ModelFormatError(
            f"the artefact's ONNX graph is cut short, or over {limits.max_graph_bytes:,} bytes"
        )
    return found


def _protos(model: ModelProto) -> dict[str, TensorProto]:
    found: dict[str, TensorProto] = {}
    for name, proto in tensors_of(model):
        if not name or name in found:
            raise ModelFormatError(f"the ONNX file has two tensors named {shown(name)!r}, or none")
        found[name] = proto
    return found


def _graph(model: ModelProto, protos: Mapping[str, TensorProto], limits: OnnxLimits) -> Graph:
    kinds = {name: held(proto, limits) for name, proto in protos.items()}
    nodes = tuple(
        Node(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes)
        for node in model.graph.node
        if node.op_type != "Constant"
        for attributes in [attributes_of(node, limits)]
    )
    taken = _input(model.graph, kinds)
    output = _output(model.graph)
    _check_order(nodes, {*kinds, taken.name}, output)
    output = _before_probabilities(nodes, output)
    nodes = _needed(nodes, output)
    check_sizes(nodes, taken.name)
    weights = frozenset(_weights(nodes, kinds))
    taken_by_nodes = {name for node in nodes for name in node.inputs} | {output}
    return Graph(
        opset=opset_of(model),
        nodes=nodes,
        held=kinds,
        weights=weights,
        constants={
            name: _computable(values(proto, kinds[name]))
            for name, proto in protos.items()
            if name not in weights and name in taken_by_nodes
        },
        input=taken.name,
        input_shape=_shape(taken),
        output=output,
    )


def _computable(value: Tensor) -> Tensor:
    return value.to(torch.float32) if value.is_floating_point() else value


def _input(graph: GraphProto, known: Mapping[str, Held]) -> ValueInfoProto:
    inputs = [one for one in graph.input if one.name not in known]
    if len(inputs) != 1:
        raise ModelFormatError(
            f"the ONNX graph takes {len(inputs)} inputs; an image classifier takes one"
        )
    taken: ValueInfoProto = inputs[0]
    kind = taken.type.tensor_type.elem_type
    if kind not in _FLOATS:
        raise ModelFormatError(
            f"the ONNX graph takes images of type {kind}; export it for normalised float32 images"
        )
    return taken


def _shape(taken: ValueInfoProto) -> tuple[int | None, ...] | None:
    if not taken.type.tensor_type.HasField("shape"):
        return None
    sizes = [one.dim_value or None for one in taken.type.tensor_type.shape.dim]
    if len(sizes) != 4 or any(size is not None and size < 0 for size in sizes):
        raise ModelFormatError(
            f"the ONNX graph takes an input of {len(sizes)} dimensions; images have four: "
            "number, channels, height, width"
        )
    return tuple(sizes)


def _output(graph: GraphProto) -> str:
    """The logits where one is called so, else the first."""
    names = [one.name for one in graph.output]
    if not names:
        raise ModelFormatError("the ONNX graph has no output")
    return _LOGITS if _LOGITS in names else names[0]


def _before_probabilities(nodes: Iterable[Node], output: str) -> str:
    """A classifier that ends in a softmax is asked for what goes into it."""
    made_by = {name: node for node in nodes for name in node.outputs}
    node = made_by.get(output)
    return node.inputs[0] if node is not None and node.operator == _PROBABILITIES else output


def _needed(nodes: Sequence[Node], output: str) -> tuple[Node, ...]:
    """Those that the output comes from; nothing would train the weights of others."""
    wanted, found = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            found.append(node)
    return tuple(found[::-1])


def _check_order(nodes: Iterable[Node], known: set[str], output: str) -> None:
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                raise ModelFormatError(
                    f"the ONNX node {shown(node.shown)} takes {shown(name)!r}, which nothing before"
                    " it makes"
                )
        for name in filter(None, node.outputs):
            if name in known:
                raise ModelFormatError(f"the ONNX graph makes {shown(name)!r} twice")
            known.add(name)
    if output not in known:
        raise ModelFormatError(f"nothing in the ONNX graph makes its output {shown(output)!r}")


def _weights(nodes: Iterable[Node], kinds: Mapping[str, Held]) -> Iterable[str]:
    """Floating-point tensors of two numbers and more, used only as weights are."""
    fits: dict[str, bool] = defaultdict(lambda: True)
    used: set[str] = set()
    for node in nodes:
        operator = OPERATORS[node.operator]
        for position, name in enumerate(node.inputs):
            if name in kinds:
                used.add(name)
                fits[name] &= operator.may_be_weight(position)
    return (
        name
        for name in used
        if kinds[name].dtype.is_floating_point and kinds[name].elements > 1 and fits[name]
    )
