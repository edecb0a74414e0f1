"""Strangers' bytes to a checked protobuf: nothing external, nothing nested, nothing unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from polarizer.errors import ModelFormatError
from polarizer.listing import shown, some
from polarizer.onnx.counting import check_fields
from polarizer.onnx.graph import Attribute, Held, OnnxLimits
from polarizer.onnx.operators import OPERATORS
from polarizer.onnx.tensors import held, values

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

OPSETS = range(9, 25)
_DOMAINS = ("", "ai.onnx")
_CONSTANT = "Constant"
_ADVICE = "torch.onnx.export(model, (images,), 'model.onnx') makes one that is"
_LARGEST_FILE = 2**31 - 1  # protobuf reads no more


def parse(content: bytes, limits: OnnxLimits) -> ModelProto:
    """The file as the onnx package reads it, of a kind that is computed here.

    Raises :class:`ModelFormatError`: no ONNX; external data, subgraphs, functions; an operator,
    opset or type that is not known here; over a limit.
    """
    model = _parsed(content, limits)
    _check_kind(model)
    graph = model.graph
    if len(graph.node) > limits.max_nodes or len(graph.initializer) > limits.max_tensors:
        raise ModelFormatError(
            f"the ONNX graph has {len(graph.node):,} nodes and {len(graph.initializer):,} tensors; "
            f"at most {limits.max_nodes:,} and {limits.max_tensors:,} are read"
        )
    _check_operators(graph.node)
    return model


def opset_of(model: ModelProto) -> int:
    """The version of the operators' meaning."""
    return next(int(used.version) for used in model.opset_import if used.domain in _DOMAINS)


def tensors_of(model: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor with a name by which nodes take it: initialisers, then ``Constant`` nodes."""
    for tensor in model.graph.initializer:
        yield tensor.name, tensor
    for node in model.graph.node:
        if node.op_type == _CONSTANT:
            yield node.output[0], _constant(node)


def attributes_of(node: NodeProto, limits: OnnxLimits) -> dict[str, Attribute]:
    """Raises :class:`ModelFormatError` for kinds that no operator here takes."""
    return {attribute.name: _attribute(attribute, node, limits) for attribute in node.attribute}


def _parsed(content: bytes, limits: OnnxLimits) -> ModelProto:
    try:
        from google.protobuf.message import DecodeError

        from onnx import ModelProto
    except ImportError as error:
        raise ModelFormatError(
            "reading ONNX files needs the package onnx, which is not installed here"
        ) from error
    if len(content) > _LARGEST_FILE:
        raise ModelFormatError("the ONNX file is larger than 2 GiB, which no reader takes")
    check_fields(content, ModelProto.DESCRIPTOR, limits.max_fields)
    try:
        model: ModelProto = ModelProto.FromString(content)
    except DecodeError as error:
        raise ModelFormatError("the ONNX file is damaged: it cannot be decoded") from error
    return model


def _check_kind(model: ModelProto) -> None:
    versions = [used.version for used in model.opset_import if used.domain in _DOMAINS]
    if len(versions) != 1 or versions[0] not in OPSETS:
        raise ModelFormatError(
            f"the ONNX file uses opset {', '.join(map(str, versions)) or 'none'}; opsets "
            f"{OPSETS[0]} to {OPSETS[-1]} are read. Export it with opset_version=18"
        )
    if model.functions:
        names = [function.name for function in model.functions]
        raise ModelFormatError(
            f"the ONNX file defines functions of its own: {some(names)}; "
            "onnx.inliner.inline_local_functions(model) makes plain nodes of them"
        )
    if model.training_info:
        raise ModelFormatError("the ONNX file holds a graph for training; export it for inference")
    if model.graph.sparse_initializer:
        raise ModelFormatError("the ONNX file holds sparse weights; export them dense")


def _check_operators(nodes: Iterator[NodeProto]) -> None:
    unknown: Counter[str] = Counter()
    for node in nodes:
        if node.domain not in _DOMAINS:
            unknown[f"{node.domain}.{node.op_type}"] += 1
        elif node.op_type != _CONSTANT and node.op_type not in OPERATORS:
            unknown[node.op_type] += 1
    if unknown:
        listed = [f"{name} ({count})" for name, count in unknown.most_common()]
        raise ModelFormatError(
            f"the ONNX graph uses operators that are not computed here: {some(listed, 12)}; "
            f"only plain image classifiers in floating point are. {_ADVICE}"
        )


def _constant(node: NodeProto) -> TensorProto:
    """The tensor of a ``Constant`` node, whichever attribute holds it."""
    from onnx import TensorProto

    if len(node.attribute) != 1 or len(node.output) != 1:
        raise ModelFormatError("the ONNX file has a Constant without exactly one value")
    attribute = node.attribute[0]
    match attribute.name:
        case "value":
            tensor: TensorProto = attribute.t
            return tensor
        case "value_float":
            return TensorProto(data_type=1, float_data=[attribute.f])
        case "value_floats":
            given = attribute.floats
            return TensorProto(data_type=1, dims=[len(given)], float_data=given)
        case "value_int":
            return TensorProto(data_type=7, int64_data=[attribute.i])
        case "value_ints":
            counts = attribute.ints
            return TensorProto(data_type=7, dims=[len(counts)], int64_data=counts)
    raise ModelFormatError(
        f"the ONNX file has a Constant of kind {shown(attribute.name)}, which is not read"
    )


def _attribute(attribute: AttributeProto, node: NodeProto, limits: OnnxLimits) -> Attribute:
    match attribute.type:
        case 1:
            return float(attribute.f)
        case 2:
            return int(attribute.i)
        case 3:
            return attribute.s.decode("utf-8", "replace")
        case 4:
            kind: Held = held(attribute.t, limits)
            return values(attribute.t, kind)
        case 6:
            return tuple(map(float, attribute.floats))
        case 7:
            return tuple(map(int, attribute.ints))
        case 8:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    raise ModelFormatError(
        f"the ONNX node {shown(node.name or node.op_type)} has an attribute "
        f"{shown(attribute.name)} of a kind that is not read"
    )
