"""Convolutions and matrix products, as functions and as the modules that a repair looks for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.padding import explicit, torch_order
from polarizer.onnx.operators.registry import operator


@operator("Conv", weights=(1, 2), together=True)
def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,  # noqa: ARG001 - the weight's
    pads: Sequence[int] | None = None,
    strides: Sequence[int] = (1, 1),
) -> Tensor:
    """Of feature maps (N, C, H, W)."""
    if weight.ndim != 4:
        raise ModelFormatError(f"the ONNX graph convolves over {weight.ndim - 2} axes; 2 are known")
    around = explicit(x, weight.shape[2:], strides, dilations, pads, auto_pad)
    x = functional.pad(x, torch_order(around)) if any(around) else x
    return functional.conv2d(x, weight, bias, list(strides), 0, list(dilations), group)


@operator("Gemm", weights=(0, 1, 2), together=True)
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 - the attributes' names
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """``alpha * a @ b + beta * c``."""
    product = torch.matmul(a.T if transA else a, b.T if transB else b)
    product = product if alpha == 1 else alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


@operator("MatMul", weights=(0, 1), together=True)
def matrix_product(a: Tensor, b: Tensor) -> Tensor:
    """As NumPy's."""
    return torch.matmul(a, b)


@operator("Einsum", weights=(-1,), together=True)
def einsum(*tensors: Tensor, equation: str) -> Tensor:
    """Sums over what the equation says."""
    return torch.einsum(equation, *tensors)


def convolution_layer(layer: nn.Module, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """What the module makes of ``x``, and a bias that other layers have too."""
    found: Tensor = layer(x)
    return found if bias is None else found + bias.view(1, -1, 1, 1)


def linear_layer(layer: nn.Module, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same for a linear layer, whose outputs stand last."""
    found: Tensor = layer(x)
    return found if bias is None else found + bias


def called(layer: nn.Module, *inputs: Tensor) -> Tensor:
    """What the module makes of it."""
    found: Tensor = layer(*inputs)
    return found
