"""Activations; dropout, which is none in evaluation; changes of type."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.registry import operator

_INTEGERS = {2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool}
_FLOATS = (1, 10, 11, 16)


@operator("Relu")
def relu(x: Tensor) -> Tensor:
    """Not in place: other nodes may take ``x``."""
    return functional.relu(x)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """``alpha * x`` below zero."""
    return functional.leaky_relu(x, alpha)


@operator("PRelu", weights=(1,), together=True)
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """``slope * x`` below zero, the slope broadcast to ``x``."""
    return torch.where(x < 0, slope * x, x)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """``alpha * (exp(x) - 1)`` below zero."""
    return functional.elu(x, alpha)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """As ELU, continuously differentiable."""
    return functional.celu(x, alpha)


@operator("Selu")
def selu(
    x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Tensor:
    """A scaled ELU."""
    return gamma * functional.elu(x, alpha)


@operator("Sigmoid")
def sigmoid(x: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return torch.sigmoid(x)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """``alpha * x + beta``, clipped to [0, 1]."""
    return (alpha * x + beta).clamp(0, 1)


@operator("HardSwish")
def hard_swish(x: Tensor) -> Tensor:
    """``x * clip(x / 6 + 1/2)``."""
    return functional.hardswish(x)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """``x * sigmoid(alpha * x)``."""
    return x * torch.sigmoid(alpha * x)


@operator("Tanh")
def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(x)


@operator("Softplus")
def softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``."""
    return functional.softplus(x)


@operator("Softsign")
def softsign(x: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return functional.softsign(x)


@operator("Mish")
def mish(x: Tensor) -> Tensor:
    """``x * tanh(softplus(x))``."""
    return functional.mish(x)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """Exact, or by a hyperbolic tangent."""
    return functional.gelu(x, approximate=approximate)


@operator("Clip", together=True)
def clip(
    x: Tensor,
    least: Tensor | None = None,
    most: Tensor | None = None,
    *,
    min: float | None = None,
    max: float | None = None,
) -> Tensor:
    """To bounds that are inputs since opset 11."""
    low = min if least is None else least.item()
    high = max if most is None else most.item()
    return x if low is None and high is None else torch.clamp(x, low, high)


@operator("Softmax")
def softmax(x: Tensor, *, axis: int | None = None, opset: int) -> Tensor:
    """Over one axis; before opset 13 over all from ``axis`` on."""
    return _over(torch.softmax, x, axis, opset)


@operator("LogSoftmax")
def log_softmax(x: Tensor, *, axis: int | None = None, opset: int) -> Tensor:
    """The logarithm of that."""
    return _over(torch.log_softmax, x, axis, opset)


@operator("Identity", weights=(0,))
def identity(x: Tensor) -> Tensor:
    """As it is."""
    return x


@operator("Dropout")
def dropout(
    x: Tensor,
    _ratio: Tensor | None = None,
    _training: Tensor | None = None,
    *,
    ratio: float = 0.5,  # noqa: ARG001
    seed: int = 0,  # noqa: ARG001
) -> tuple[Tensor, Tensor]:
    """Nothing is dropped in evaluation; the mask is of ones."""
    return x, torch.ones_like(x, dtype=torch.bool)


@operator("Cast", weights=(0,))
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:  # noqa: ARG001
    """To an integer type, or to float32, in which everything is computed here."""
    if to in _FLOATS:
        return x if x.is_floating_point() else x.to(torch.float32)
    if to not in _INTEGERS:
        raise ModelFormatError(f"the ONNX graph casts to type {to}, which is not known here")
    return x.to(_INTEGERS[to])


@operator("CastLike", weights=(0,))
def cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:  # noqa: ARG001
    """To the type of another tensor."""
    if like.is_floating_point():
        return x if x.is_floating_point() else x.to(torch.float32)
    return x.to(like.dtype)


def _over(function: object, x: Tensor, axis: int | None, opset: int) -> Tensor:
    if opset >= 13:
        return function(x, -1 if axis is None else axis)  # type: ignore[operator, no-any-return]
    first = (1 if axis is None else axis) % max(x.ndim, 1)
    flat: Tensor = function(x.flatten(first), -1)  # type: ignore[operator]
    return flat.reshape(x.shape)
