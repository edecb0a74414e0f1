"""Small ONNX files made by hand, and what ONNX Runtime makes of any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

SHAPE = ("batch", 1, 8, 8)


def weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def model(
    nodes: Sequence[NodeProto],
    tensors: Mapping[str, np.ndarray] | None = None,
    *,
    opset: int = 18,
    shape: Sequence[int | str] = SHAPE,
    answer: Sequence[int | str] = ("batch", 3),
    output: str = "logits",
    kind: int = TensorProto.FLOAT,
) -> ModelProto:
    """Of one input, ``images``, and one output."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("images", kind, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(answer))],
        [numpy_helper.from_array(value, name) for name, value in (tensors or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def small_cnn(**options: Any) -> ModelProto:
    """Convolution, BatchNorm, a strided convolution without bias, pooling, a linear layer."""
    tensors = {
        "conv1.weight": weights(1, 4, 1, 3, 3),
        "conv1.bias": weights(2, 4),
        "bn1.weight": 1 + weights(3, 4),
        "bn1.bias": weights(4, 4),
        "bn1.mean": weights(5, 4),
        "bn1.var": 0.5 + weights(6, 4) ** 2,
        "conv2.weight": weights(7, 6, 4, 3, 3),
        "fc.weight": weights(8, 3, 6),
        "fc.bias": weights(9, 3),
    }
    nodes = [
        helper.make_node(
            "Conv", ["images", "conv1.weight", "conv1.bias"], ["a"], "c1", pads=[1, 1, 1, 1]
        ),
        helper.make_node(
            "BatchNormalization", ["a", "bn1.weight", "bn1.bias", "bn1.mean", "bn1.var"], ["b"]
        ),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node(
            "Conv", ["c", "conv2.weight"], ["d"], "c2", pads=[0, 0, 1, 1], strides=[2, 2]
        ),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "fc.weight", "fc.bias"], ["logits"], "fc", transB=1),
    ]
    return model(nodes, tensors, **options)


def content(made: ModelProto) -> bytes:
    return made.SerializeToString()


def by_runtime(made: ModelProto, images: Tensor) -> Tensor:
    """The first output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])


def noise(count: int, *shape: int) -> Tensor:
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(count))
