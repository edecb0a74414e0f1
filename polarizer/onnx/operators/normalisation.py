"""Normalisation, as functions; where all weights are a layer's own, it is a module instead."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.registry import operator


@operator("BatchNormalization", weights=(1, 2, 3, 4), together=True)
def batch_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,  # noqa: ARG001 - of the training
    spatial: int = 1,  # noqa: ARG001 - of opsets before 9
    training_mode: int = 0,
) -> Tensor:
    """By running statistics, as in evaluation."""
    if training_mode:
        raise ModelFormatError("the ONNX graph normalises as in training; export with model.eval()")
    return functional.batch_norm(x, mean, variance, scale, shift, eps=epsilon)


@operator("LayerNormalization", weights=(1, 2), together=True)
def layer_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,  # noqa: ARG001 - float32 always
) -> Tensor:
    """Over the axes from ``axis`` on."""
    shape = x.shape[axis % x.ndim :]
    normal = functional.layer_norm(x, shape, eps=epsilon) * scale
    return normal if shift is None else normal + shift


@operator("InstanceNormalization", weights=(1, 2), together=True)
def instance_norm(x: Tensor, scale: Tensor, shift: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Each channel of each image."""
    return functional.instance_norm(x, weight=scale, bias=shift, eps=epsilon)


@operator("GroupNormalization", weights=(1, 2), together=True)
def group_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,  # noqa: ARG001 - float32 always
    opset: int,
) -> Tensor:
    """Groups of channels; before opset 21 scale and shift are by group."""
    if opset < 21 and len(scale) == num_groups:
        each = x.shape[1] // num_groups
        scale, shift = scale.repeat_interleave(each), shift.repeat_interleave(each)
    return functional.group_norm(x, num_groups, scale, shift, epsilon)


@operator("LpNormalization")
def lp_norm(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """Rows of norm 1."""
    return functional.normalize(x, float(p), axis, torch.finfo(x.dtype).tiny)


@operator("LRN")
def local_response(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """By neighbouring channels."""
    return functional.local_response_norm(x, size, alpha, beta, bias)
