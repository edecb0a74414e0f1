"""Pooling over windows, and over everything."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.padding import explicit, torch_order
from polarizer.onnx.operators.registry import operator


@operator("GlobalAveragePool")
def global_average(x: Tensor) -> Tensor:
    """The mean of each channel, with axes of one."""
    return x.mean(list(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max(x: Tensor) -> Tensor:
    """The largest value of each channel."""
    return x.amax(list(range(2, x.ndim)), keepdim=True)


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,  # noqa: ARG001 - of the indices, which nobody takes
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Of feature maps (N, C, H, W)."""
    _check(x)
    steps, spread = list(strides or (1, 1)), list(dilations or (1, 1))
    around = explicit(x, kernel_shape, steps, spread, pads, auto_pad)
    if any(around):
        x = functional.pad(x, torch_order(around), value=-torch.inf)
    return functional.max_pool2d(
        x, list(kernel_shape), steps, dilation=spread, ceil_mode=bool(ceil_mode)
    )


@operator("AveragePool")
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Of feature maps; what pads them counts only if it is said to."""
    _check(x)
    if any(step != 1 for step in dilations or ()):
        raise ModelFormatError("the ONNX graph averages over dilated windows, which is not known")
    steps = list(strides or (1, 1))
    around = explicit(x, kernel_shape, steps, (1, 1), pads, auto_pad)
    kernel, ceil = list(kernel_shape), bool(ceil_mode)
    if not any(around):
        return functional.avg_pool2d(x, kernel, steps, ceil_mode=ceil, count_include_pad=False)
    total = functional.avg_pool2d(
        functional.pad(x, torch_order(around)), kernel, steps, ceil_mode=ceil
    )
    if count_include_pad:
        return total
    ones = functional.pad(torch.ones_like(x[:1, :1]), torch_order(around))
    return total / functional.avg_pool2d(ones, kernel, steps, ceil_mode=ceil)


def _check(x: Tensor) -> None:
    if x.ndim != 4:
        raise ModelFormatError(f"the ONNX graph pools over {x.ndim - 2} axes; two are known")
