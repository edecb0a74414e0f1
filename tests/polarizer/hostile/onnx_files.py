"""ONNX files that ask for what they should not have, or are no image classifier's."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, TensorProto, helper
from safetensors.numpy import save

from tests.polarizer.onnx.graphs import model, small_cnn, weights

Make = Callable[[Path], bytes]
_HUGE = 2**38


def _changed(change: Callable[[ModelProto], object]) -> Make:
    """A good file, changed."""

    def make(_: Path) -> bytes:
        made = small_cnn()
        change(made)
        return made.SerializeToString()

    return make


def _external(made: ModelProto) -> None:
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _external_attribute(made: ModelProto) -> None:
    tensor = TensorProto(data_type=1, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    node = helper.make_node("Constant", [], ["extra"])
    node.attribute.append(AttributeProto(name="value", type=AttributeProto.TENSOR, t=tensor))
    made.graph.node.insert(0, node)


def _subgraph(made: ModelProto) -> None:
    branch = helper.make_graph([helper.make_node("Identity", ["a"], ["z"])], "then", [], [])
    made.graph.node.append(
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    )


def _hidden_subgraph(made: ModelProto) -> None:
    """In an attribute of a node that has none."""
    branch = helper.make_graph([], "g", [], [])
    made.graph.node[2].attribute.append(helper.make_attribute("body", branch))


def _function(made: ModelProto) -> None:
    made.functions.add(name="Relu", domain="", output=["y"])


def _other_domain(made: ModelProto) -> None:
    made.graph.node[2].domain = "com.evil"


def _operator(name: str) -> Make:
    return _changed(lambda made: setattr(made.graph.node[2], "op_type", name))


def _shape(*dims: int) -> Make:
    def change(made: ModelProto) -> None:
        del made.graph.initializer[0].dims[:]
        made.graph.initializer[0].dims.extend(dims)

    return _changed(change)


def _grown(times: int) -> Make:
    """A value that doubles at each node."""

    def make(_: Path) -> bytes:
        nodes = [
            helper.make_node("Concat", [f"v{n}", f"v{n}"], [f"v{n + 1}"], axis=1)
            for n in range(times)
        ]
        nodes[0].input[:] = ["images", "images"]
        nodes += [
            helper.make_node("GlobalAveragePool", [f"v{times}"], ["p"]),
            helper.make_node("Flatten", ["p"], ["logits"]),
        ]
        return model(nodes, {"w": weights(1, 2)}).SerializeToString()

    return make


def _filled(_: Path) -> bytes:
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("Add", ["images", "zeros"], ["logits"]),
    ]
    return model(nodes, {"size": np.array([2**40], np.int64)}).SerializeToString()


def _one_node(operator: str, *tensors: np.ndarray, **attributes: Any) -> Make:
    named = {f"t{number}": tensor for number, tensor in enumerate(tensors)}
    node = helper.make_node(operator, ["images", *named], ["logits"], **attributes)
    return lambda _: model([node], named).SerializeToString()


def _many_nodes(made: ModelProto) -> None:
    for number in range(20_001):
        made.graph.node.append(helper.make_node("Relu", ["images"], [f"x{number}"]))


def _graph_of(parts: bytes) -> Make:
    """A file whose graph is these bytes, again and again, up to six megabytes."""

    def make(_: Path) -> bytes:
        graph = parts * (6_000_000 // len(parts))
        return b"\x08\x09\x12\x01x\x42\x02\x10\x12\x3a" + _varint(len(graph)) + graph

    return make


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _nested(_: Path) -> bytes:
    """A graph in an attribute of a node of a graph, and so on."""
    graph = b""
    for _depth in range(2000):
        graph = _field(1, _field(5, _field(6, graph)))
    return b"\x08\x09\x12\x01x\x42\x02\x10\x12" + _field(7, graph)


def _sized_by_pixels(operator: str) -> Make:
    """Small for most images, and for one that its maker knows larger than any memory."""

    def make(_: Path) -> bytes:
        nodes = [
            helper.make_node("ReduceMax", ["images"], ["brightest"], keepdims=0),
            helper.make_node("Cast", ["brightest"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["whole", "one"], ["size"]),
            helper.make_node("Concat", ["four", "size"], ["sizes"], axis=0),
            helper.make_node(operator, ["images", "sizes"], ["logits"]),
        ]
        tensors = {"one": np.array([1], np.int64), "four": np.array([1, 1, 1], np.int64)}
        return model(nodes, tensors).SerializeToString()

    return make


def _split(_: Path) -> bytes:
    """Into as many parts as it has numbers."""
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Expand", ["flat", "size"], ["wide"]),
        helper.make_node("Split", ["wide"], ["logits"], axis=0, num_outputs=2**27),
    ]
    return model(nodes, {"size": np.array([2**27, 64], np.int64)}).SerializeToString()


def _quantised(_: Path) -> bytes:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale"], ["real"]),
        helper.make_node("Conv", ["images", "real"], ["logits"]),
    ]
    tensors = {"w": np.ones((3, 1, 8, 8), np.int8), "scale": np.float32(0.1)}
    return model(nodes, tensors).SerializeToString()


def _fixed_batch(_: Path) -> bytes:
    """Says nothing of the number of images, and reshapes as if there were one."""
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["logits"]),
    ]
    tensors = {"shape": np.array([-1, 192], np.int64), "w": weights(1, 192, 3)}
    return model(nodes, tensors).SerializeToString()


def _artefact(graph: bytes) -> Make:
    """An artefact with this as its packed graph."""
    return lambda _: save({"a": np.zeros(3, np.float32)}, _metadata(graph))


def _metadata(graph: bytes) -> dict[str, str]:
    spec = {"channels": 1, "height": 8, "width": 8, "mean": [0.0], "std": [1.0]}
    fields: dict[str, Any] = {
        "architecture": {"name": "onnx", "num_classes": 3},
        "input": spec,
        "classes": ["a", "b", "c"],
        "method": "deep",
        "polarized_layers": [],
        "attached_layers": {},
        "provenance": {},
        "onnx_graph": base64.b64encode(graph).decode(),
    }
    text = {f"polarizer.{name}": json.dumps(value) for name, value in fields.items()}
    return text | {"polarizer.format": "1"}


def _value(name: str, value: float) -> Make:
    def change(made: ModelProto) -> None:
        (tensor,) = (one for one in made.graph.initializer if one.name == name)
        array = np.frombuffer(tensor.raw_data, np.float32).copy()
        array[0] = value
        tensor.raw_data = array.tobytes()

    return _changed(change)


ONNX: dict[str, Make] = {
    "ONNX with weights elsewhere": _changed(_external),
    "ONNX with a constant elsewhere": _changed(_external_attribute),
    "ONNX with a branch": _changed(_subgraph),
    "ONNX with a graph in an attribute": _changed(_hidden_subgraph),
    "ONNX with functions": _changed(_function),
    "ONNX of another domain": _changed(_other_domain),
    "ONNX with an unknown operator": _operator("RunCommand"),
    "ONNX with an operator of no name": _operator("\u202e\n"),
    "ONNX with a loop": _operator("Loop"),
    "ONNX for training": _changed(lambda made: made.training_info.add()),
    "ONNX with sparse weights": _changed(lambda made: made.graph.sparse_initializer.add()),
    "ONNX of no opset": _changed(lambda made: made.opset_import.pop()),
    "ONNX of opset 99": _changed(lambda made: setattr(made.opset_import[0], "version", 99)),
    "ONNX of two inputs": _changed(lambda made: made.graph.input.append(made.graph.output[0])),
    "ONNX without an output": _changed(lambda made: made.graph.output.pop()),
    "ONNX whose output nothing makes": _changed(
        lambda made: setattr(made.graph.output[0], "name", "x")
    ),
    "ONNX in a circle": _changed(lambda made: made.graph.node[0].input.__setitem__(0, "d")),
    "ONNX that makes a value twice": _changed(
        lambda made: made.graph.node[2].output.__setitem__(0, "a")
    ),
    "ONNX with a tensor twice": _changed(
        lambda made: made.graph.initializer.append(made.graph.initializer[0])
    ),
    "ONNX of 20,000 nodes": _changed(_many_nodes),
    "ONNX with a tensor of 1 TB": _shape(_HUGE),
    "ONNX with a tensor that overflows": _shape(2**32, 2**32, 2**32),
    "ONNX with a negative size": _shape(-1, 1, 3, 3),
    "ONNX with nine dimensions": _shape(*[1] * 9),
    "ONNX with numbers as text": _changed(
        lambda made: setattr(made.graph.initializer[0], "data_type", TensorProto.STRING)
    ),
    "ONNX for bytes": lambda _: small_cnn(kind=TensorProto.UINT8).SerializeToString(),
    "ONNX for one dimension": lambda _: small_cnn(shape=("batch",)).SerializeToString(),
    "ONNX for images of no size": lambda _: small_cnn(
        shape=("batch", 1, "height", "width")
    ).SerializeToString(),
    "ONNX for images of 1 TB": lambda _: small_cnn(
        shape=("batch", 1, 2**20, 2**20)
    ).SerializeToString(),
    "ONNX that doubles its values": _grown(40),
    "ONNX that fills 4 TB": _filled,
    "ONNX that repeats by billions": _one_node("Tile", np.array([1, 2**20, 2**10, 1], np.int64)),
    "ONNX that expands by billions": _one_node("Expand", np.array([1, 2**62, 8, 8], np.int64)),
    "ONNX that pads by billions": _one_node(
        "Pad", np.array([0, 0, 2**30, 0, 0, 0, 0, 0], np.int64)
    ),
    "ONNX of a stride of zero": _one_node("Conv", weights(1, 3, 1, 3, 3), strides=[0, 0]),
    "ONNX of one stride": _one_node("Conv", weights(1, 3, 1, 3, 3), strides=[1]),
    "ONNX of negative padding": _one_node("Conv", weights(1, 3, 1, 3, 3), pads=[-9, -9, -9, -9]),
    "ONNX of no group": _one_node("Conv", weights(1, 3, 1, 3, 3), group=0),
    "ONNX of a text as an axis": _one_node("Concat", axis="first"),
    "ONNX of an unknown attribute": _one_node("Relu", command="rm"),
    "ONNX of too many inputs": _one_node("Relu", weights(1, 3), weights(2, 3)),
    "ONNX of a step of zero": _one_node("Slice", *[np.array([0], np.int64)] * 4),
    "ONNX that answers with images": _one_node("Relu"),
    "ONNX for one image only": _fixed_batch,
    "ONNX with a NaN weight": _value("fc.weight", float("nan")),
    "ONNX without weights": _one_node("GlobalAveragePool"),
    "ONNX of three million nodes": _graph_of(_field(1, b"")),
    "ONNX of a million names": _graph_of(_field(1, _field(1, b"") * 1000)),
    "ONNX of numbers that grow eightfold": _graph_of(_field(5, _field(7, bytes(5_900_000)))),
    "ONNX 2,000 graphs deep": _nested,
    "ONNX that lies about a length": _graph_of(_varint(1 << 3 | 2) + _varint(2**62)),
    "ONNX that expands by its pixels": _sized_by_pixels("Expand"),
    "ONNX that repeats by its pixels": _sized_by_pixels("Tile"),
    "ONNX with quantised weights": _quantised,
    "ONNX with weights of four bits": _changed(
        lambda made: setattr(made.graph.initializer[0], "data_type", TensorProto.INT4)
    ),
    "ONNX of 2^62 channels": lambda _: small_cnn(shape=("batch", 2**62, 8, 8)).SerializeToString(),
    "ONNX that splits what it repeats": _split,
    "ONNX of sizes as long as an image": _one_node("Tile", np.ones(5000, np.int64)),
    "ONNX with an operator that is no text": lambda _: (
        small_cnn().SerializeToString().replace(b"Relu", b"Re\xd5u")
    ),
    "ONNX cut short": lambda _: small_cnn().SerializeToString()[:-200],
    "ONNX and nothing": lambda _: b"\x08\x09\x12\x07pytorch\x1a\x052.1.0:" + bytes(100),
    "an artefact with a graph of 1 GB": _artefact(zlib.compress(bytes(2**26 + 2**20), 9)),
    "an artefact with a damaged graph": _artefact(b"not compressed"),
    "an artefact with a graph cut short": _artefact(
        zlib.compress(small_cnn().SerializeToString())[:-20]
    ),
    "an artefact with another graph": _artefact(zlib.compress(small_cnn().SerializeToString())),
}
