"""Each operator means what ONNX Runtime takes it to mean."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, helper

from polarizer.onnx import OnnxNetwork, named_by_network, read_onnx
from polarizer.onnx.operators import OPERATORS
from tests.polarizer.onnx.graphs import by_runtime, content, model, noise, weights

I64 = np.int64
Case = tuple[str, dict[str, Any], list[np.ndarray]]

# operator, attributes, further inputs; the first is (N, 4, 6, 6). A number before it: the opset.
CASES: dict[str, tuple[Any, ...]] = {
    **{
        name: (name, {}, [])
        for name in (
            *("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Neg", "Reciprocal", "Round", "Sign"),
            *("Sin", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Sigmoid", "HardSigmoid", "Tanh"),
            *("HardSwish", "Softplus", "Softsign", "Mish", "Identity", "Dropout", "Flatten"),
            *("GlobalAveragePool", "GlobalMaxPool", "Transpose", "Softmax", "LogSoftmax", "Clip"),
            *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"),
            *("ReduceSumSquare", "ReduceProd", "Squeeze", "LpNormalization", "Sum", "Max", "Min"),
        )
    },
    **{name: (name, {}, [weights(1, 4, 1, 1)]) for name in ("Add", "Sub", "Mul", "Div", "PRelu")},
    "Max of two": ("Max", {}, [weights(1, 6)]),
    "Min of three": ("Min", {}, [weights(1, 6), weights(2, 4, 1, 1)]),
    "Sum of three": ("Sum", {}, [weights(1, 6), weights(2, 4, 1, 1)]),
    "Pow": ("Pow", {}, [np.float32(2.0)]),
    "Mod": ("Mod", {"fmod": 1}, [np.float32(0.7)]),
    "Gelu": (20, "Gelu", {}, []),
    "Gelu by tanh": (20, "Gelu", {"approximate": "tanh"}, []),
    "LeakyRelu of 0.3": ("LeakyRelu", {"alpha": 0.3}, []),
    "HardSigmoid of others": ("HardSigmoid", {"alpha": 0.1, "beta": 0.3}, []),
    "Clip by inputs": ("Clip", {}, [np.float32(-0.5), np.float32(0.5)]),
    "Clip from above": ("Clip", {}, [None, np.float32(0.5)]),
    "Clip by attributes": (10, "Clip", {"min": -0.5, "max": 0.5}, []),
    "Softmax over channels": ("Softmax", {"axis": 1}, []),
    "Softmax of before 13": (11, "Softmax", {"axis": 2}, []),
    "LogSoftmax of before 13": (11, "LogSoftmax", {}, []),
    "Cast to float": ("Cast", {"to": 1}, []),
    "Transpose by perm": ("Transpose", {"perm": [0, 2, 3, 1]}, []),
    "Reshape": ("Reshape", {}, [np.array([0, -1, 3], I64)]),
    "Reshape whole": ("Reshape", {"allowzero": 1}, [np.array([-1, 9], I64)]),
    "Flatten from 2": ("Flatten", {"axis": 2}, []),
    "Flatten from the end": ("Flatten", {"axis": -1}, []),
    "Unsqueeze": ("Unsqueeze", {}, [np.array([1, -1], I64)]),
    "Unsqueeze of before 13": (11, "Unsqueeze", {"axes": [0, 2]}, []),
    "Split": ("Split", {"axis": 1, "num_outputs": 2}, []),
    "Split by sizes": ("Split", {"axis": 1}, [np.array([1, 3], I64)]),
    "Split of before 13": (11, "Split", {"axis": 1, "split": [3, 1]}, []),
    "Slice": ("Slice", {}, [np.array([1, 0], I64), np.array([3, 99], I64), np.array([1, 3], I64)]),
    "Slice from the end": (
        "Slice",
        {},
        [np.array([-2], I64), np.array([99], I64), np.array([-1], I64)],
    ),
    "Slice backwards": (
        "Slice",
        {},
        [np.array([v], I64) for v in (99, -99, 2, -2)],
    ),
    "Slice by attributes": (9, "Slice", {"starts": [1], "ends": [3], "axes": [1]}, []),
    "Gather": ("Gather", {"axis": 1}, [np.array([[0, -1], [2, 2]], I64)]),
    "Gather one": ("Gather", {"axis": 2}, [np.array(1, I64)]),
    "Expand": ("Expand", {}, [np.array([2, 1, 4, 1, 1], I64)]),
    "Tile": ("Tile", {}, [np.array([1, 2, 1, 3], I64)]),
    "Pad": ("Pad", {}, [np.array([0, 0, 1, 2, 0, 0, 0, 1], I64), np.float32(0.3)]),
    "Pad by reflection": ("Pad", {"mode": "reflect"}, [np.array([0, 0, 1, 2, 0, 0, 0, 1], I64)]),
    "Pad by edges": ("Pad", {"mode": "edge"}, [np.array([0, 0, 1, 2, 0, 0, 0, 1], I64)]),
    "Pad two axes": (
        "Pad",
        {},
        [np.array([1, 0, 2, 1], I64), np.float32(0), np.array([3, 2], I64)],
    ),
    "Pad of before 11": (10, "Pad", {"pads": [0, 0, 1, 1, 0, 0, -1, 0], "value": 0.2}, []),
    "DepthToSpace": ("DepthToSpace", {"blocksize": 2}, []),
    "DepthToSpace by CRD": ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, []),
    "SpaceToDepth": ("SpaceToDepth", {"blocksize": 2}, []),
    "MaxPool": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, []),
    "MaxPool uneven": ("MaxPool", {"kernel_shape": [3, 2], "pads": [0, 1, 2, 0]}, []),
    "MaxPool upwards": (
        "MaxPool",
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        [],
    ),
    "MaxPool same": (
        "MaxPool",
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        [],
    ),
    "MaxPool dilated": ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, []),
    "AveragePool": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}, []),
    "AveragePool padded": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, []),
    "AveragePool with the padding": (
        "AveragePool",
        {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1], "count_include_pad": 1},
        [],
    ),
    "ReduceMean of axes": ("ReduceMean", {"keepdims": 0}, [np.array([-1, 2], I64)]),
    "ReduceMean of before 18": (13, "ReduceMean", {"axes": [2, 3]}, []),
    "ReduceSum of nothing": ("ReduceSum", {"noop_with_empty_axes": 1}, []),
    "ReduceProd of axes": ("ReduceProd", {"keepdims": 0}, [np.array([1, 3], I64)]),
    "Conv": ("Conv", {"pads": [1, 1, 1, 1]}, [weights(1, 6, 4, 3, 3), weights(2, 6)]),
    "Conv uneven": ("Conv", {"pads": [0, 1, 2, 0]}, [weights(1, 6, 4, 3, 3)]),
    "Conv strided, dilated": (
        "Conv",
        {"strides": [2, 1], "dilations": [2, 1]},
        [weights(1, 6, 4, 3, 3)],
    ),
    "Conv by channel": ("Conv", {"group": 4}, [weights(1, 4, 1, 3, 3), weights(2, 4)]),
    "Conv same": (
        "Conv",
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        [weights(1, 6, 4, 3, 3), weights(2, 6)],
    ),
    "Conv same, lower": ("Conv", {"auto_pad": "SAME_LOWER"}, [weights(1, 6, 4, 2, 2)]),
    "Conv valid": ("Conv", {"auto_pad": "VALID"}, [weights(1, 6, 4, 3, 3)]),
    "MatMul": ("MatMul", {}, [weights(1, 6, 5)]),
    "MatMul by several": ("MatMul", {}, [weights(1, 4, 6, 5)]),
    "Einsum": ("Einsum", {"equation": "nchw,wk->nchk"}, [weights(1, 6, 5)]),
    "BatchNormalization": (
        "BatchNormalization",
        {"epsilon": 0.01},
        [weights(1, 4), weights(2, 4), weights(3, 4), weights(4, 4) ** 2],
    ),
    "LayerNormalization": ("LayerNormalization", {}, [weights(1, 6), weights(2, 6)]),
    "LayerNormalization without shift": ("LayerNormalization", {}, [weights(1, 6)]),
    "LayerNormalization of two axes": (
        "LayerNormalization",
        {"axis": 2},
        [weights(1, 6, 6), weights(2, 6, 6)],
    ),
    "InstanceNormalization": ("InstanceNormalization", {}, [weights(1, 4), weights(2, 4)]),
    "GroupNormalization": ("GroupNormalization", {"num_groups": 2}, [weights(1, 2), weights(2, 2)]),
    "LRN": ("LRN", {"size": 3}, []),
    "Swish": (24, "Swish", {"alpha": 1.5}, []),
}
NOT_BY_RUNTIME = {"Swish"}
"""Younger than the operators that ONNX Runtime has."""


def graph(case: tuple[Any, ...]) -> ModelProto:
    opset, (name, attributes, others) = (case[0], case[1:]) if len(case) == 4 else (18, case)
    given = {f"input_{n}": value for n, value in enumerate(others) if value is not None}
    names = [f"input_{n}" if value is not None else "" for n, value in enumerate(others)]
    outputs = ["found", "rest"] if name == "Split" else ["found"]
    nodes = [
        helper.make_node(name, ["images", *names], outputs, **attributes),
        helper.make_node("Identity", ["found"], ["logits"]),  # or else a softmax is left out
    ]
    return model(nodes, given, opset=opset, shape=("batch", 4, 6, 6), answer=())


def network(made: ModelProto) -> OnnxNetwork:
    file = read_onnx(content(made))
    built = OnnxNetwork(file.graph).eval()
    built.load_state_dict(named_by_network(file.graph, file.tensors))
    return built


@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_BY_RUNTIME])
def test_an_operator_is_computed_as_onnx_runtime_does(name: str) -> None:
    made = graph(CASES[name])
    del made.graph.output[0].type.tensor_type.shape.dim[:]
    made.graph.output[0].type.tensor_type.ClearField("shape")
    images = noise(2, 4, 6, 6)
    found, expected = network(made)(images), by_runtime(made, images)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_sizes_are_computed_with() -> None:
    """What exporters write where the number of images must not be named."""
    one = np.array([1], I64)
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["count"]),
        helper.make_node("Unsqueeze", ["count", "axis"], ["counts"]),
        helper.make_node("Concat", ["counts", "rest"], ["wanted"], axis=0),
        helper.make_node("ConstantOfShape", ["wanted"], ["zeros"]),
        helper.make_node("Range", ["zero", "three", "one"], ["numbers"]),
        helper.make_node("Cast", ["numbers"], ["floats"], to=1),
        helper.make_node("Size", ["images"], ["size"]),
        helper.make_node("Cast", ["size"], ["sized"], to=1),
        helper.make_node("Add", ["zeros", "floats"], ["added"]),
        helper.make_node("Equal", ["added", "half"], ["equal"]),
        helper.make_node("Where", ["equal", "sized", "added"], ["logits"]),
    ]
    tensors = {
        "zero": np.array(0, I64),
        "one": np.array(1, I64),
        "three": np.array(3, I64),
        "axis": np.array([0], I64),
        "rest": one * 3,
        "half": np.float32(2),
    }
    made = model(nodes, tensors)
    for count in (1, 4):
        images = noise(count, 1, 8, 8)
        torch.testing.assert_close(network(made)(images), by_runtime(made, images))


@pytest.mark.parametrize("kind", [torch.int32, torch.int64], ids=["int32", "int64"])
def test_no_division_of_integers_ends_the_process(kind: torch.dtype) -> None:
    """The processor's own instruction does, for the least one by -1."""
    least = torch.iinfo(kind).min
    dividends = torch.tensor([least] * 40 + [-7, 7, 7], dtype=kind)
    divisors = torch.tensor([-1] * 40 + [2, -2, -1], dtype=kind)
    found = OPERATORS["Div"].compute(dividends, divisors)
    assert isinstance(found, torch.Tensor)
    assert found.tolist() == [least] * 40 + [-3, -3, -7]


def test_every_operator_is_tried_or_known_to_be_of_sizes() -> None:
    tried = {case[-3] for case in CASES.values()}
    of_sizes = {"And", "ArgMax", "CastLike", "Concat", "ConstantOfShape", "Equal", "Greater"}
    of_sizes |= {
        "GreaterOrEqual",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "Log",
        "Not",
        "Or",
        "Range",
        "Shape",
    }
    of_sizes |= {"Size", "Sqrt", "Where", "Gemm"}
    assert set(OPERATORS) - tried == of_sizes


def test_keywords_are_attributes_of_the_operator() -> None:
    """A name that ONNX does not know would never be met."""
    from onnx import defs

    known_to_onnx: dict[str, set[str]] = defaultdict(set)
    for schema in defs.get_all_schemas_with_history():
        known_to_onnx[schema.name].update(schema.attributes)
    for name, known in OPERATORS.items():
        attributes = known_to_onnx[name] | {"opset", "parts"}
        parameters = inspect.signature(known.compute).parameters.values()
        keywords = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
        assert keywords <= attributes, name
