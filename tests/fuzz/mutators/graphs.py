"""ONNX graphs that still decode: other wires, operators, attributes, shapes."""

from __future__ import annotations

from random import Random
from typing import Any

from google.protobuf.message import DecodeError
from onnx import ModelProto, helper

from tests.fuzz.mutators.anywhere import NAMES, NUMBERS, anywhere

_OPERATORS = (
    *("Conv", "Relu", "Gemm", "MatMul", "Add", "Concat", "Reshape", "Transpose", "Slice", "Pad"),
    *("Gather", "Expand", "Tile", "Shape", "Range", "ConstantOfShape", "Split", "Softmax"),
    *("BatchNormalization", "LayerNormalization", "MaxPool", "AveragePool", "ReduceMean", "If"),
    *("Identity", "Cast", "Squeeze", "Unsqueeze", "Einsum", "Clip", "DepthToSpace", "Loop", "X"),
)
_INTEGERS = tuple(number for number in NUMBERS if -(2**63) <= number < 2**63)


def graph(rng: Random, data: bytes) -> bytes:
    """One to three such changes."""
    try:
        made = ModelProto.FromString(data)
        for _ in range(rng.randint(1, 3)):
            rng.choice(_CHANGES)(rng, made)
    except (DecodeError, UnicodeDecodeError):  # names that are no text are found out when asked for
        return anywhere(rng, data)
    return made.SerializeToString()


def _rewire(rng: Random, made: ModelProto) -> None:
    node = _any(rng, made.graph.node)
    names = [name for one in made.graph.node for name in (*one.input, *one.output)]
    wires = node.input if node and rng.random() < 0.7 else (node.output if node else [])
    if len(wires):
        wires[rng.randrange(len(wires))] = rng.choice([*names, "", "x"])


def _operator(rng: Random, made: ModelProto) -> None:
    node = _any(rng, made.graph.node)
    if node:
        node.op_type = rng.choice(_OPERATORS)


def _attribute(rng: Random, made: ModelProto) -> None:
    node = _any(rng, made.graph.node)
    if not node:
        return
    one = _any(rng, node.attribute)
    if one is None or rng.random() < 0.3:
        name = rng.choice(("axis", "pads", "group", "strides", "perm", "to", "mode", "epsilon"))
        value: Any = rng.choice((0, -1, 2.5, "x", [1], [0, 0], [2**40] * 4, [-9] * 4))
        node.attribute.append(helper.make_attribute(name, value))
    elif len(one.ints):
        one.ints[rng.randrange(len(one.ints))] = rng.choice(_INTEGERS)
    else:
        one.i = rng.choice(_INTEGERS)


def _tensor(rng: Random, made: ModelProto) -> None:
    one = _any(rng, made.graph.initializer)
    if one is None:
        return
    way = rng.randrange(4)
    if way == 0 and len(one.dims):
        one.dims[rng.randrange(len(one.dims))] = rng.choice(_INTEGERS)
    elif way == 1:
        one.data_type = rng.randrange(30)
    elif way == 2:
        one.raw_data = anywhere(rng, one.raw_data)
    else:
        one.name = rng.choice(NAMES)


def _input(rng: Random, made: ModelProto) -> None:
    one = _any(rng, [*made.graph.input, *made.graph.output])
    if one is not None:
        dimension = _any(rng, one.type.tensor_type.shape.dim)
        if dimension is not None:
            dimension.dim_value = rng.choice(_INTEGERS)


def _drop(rng: Random, made: ModelProto) -> None:
    part = rng.choice((made.graph.node, made.graph.initializer, made.graph.output))
    if len(part):
        del part[rng.randrange(len(part))]


def _any(rng: Random, several: Any) -> Any:
    return several[rng.randrange(len(several))] if len(several) else None


_CHANGES = (_rewire, _operator, _attribute, _attribute, _tensor, _input, _drop)
