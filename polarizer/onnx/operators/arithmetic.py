"""Number by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import torch
from torch import Tensor

from polarizer.onnx.operators.registry import operator

_OF_ONE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "IsInf": torch.isinf,
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Round": torch.round,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sqrt": torch.sqrt,
}
_OF_TWO: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "And": torch.logical_and,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Mul": torch.mul,
    "Or": torch.logical_or,
    "Pow": torch.pow,
    "Sub": torch.sub,
}
_OF_MANY: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Sum": torch.add,
}
_WITH_WEIGHTS = ("Add", "Mul", "Sub")


def _register_unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operator(name)
    def compute(x: Tensor) -> Tensor:
        return function(x)


def _register_binary(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name, weights=(0, 1) if name in _WITH_WEIGHTS else (), together=True)
    def compute(a: Tensor, b: Tensor) -> Tensor:
        return function(a, b)


def _register_variadic(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name, together=True)
    def compute(first: Tensor, *others: Tensor) -> Tensor:
        return reduce(function, others, first)


for _name, _unary in _OF_ONE.items():
    _register_unary(_name, _unary)
for _name, _binary in _OF_TWO.items():
    _register_binary(_name, _binary)
for _name, _pairwise in _OF_MANY.items():
    _register_variadic(_name, _pairwise)


@operator("Div", weights=(0, 1), together=True)
def divide(a: Tensor, b: Tensor) -> Tensor:
    """Towards zero between integers, as in C; but the least integer by -1, which has no result,
    does not end the process."""
    if a.is_floating_point() or b.is_floating_point():
        return torch.div(a, b)
    negated = b == -1
    return torch.where(negated, -a, torch.div(a, b.masked_fill(negated, 1), rounding_mode="trunc"))


@operator("Mod", together=True)
def modulo(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """With the sign of ``b``, or with ``fmod`` of ``a``."""
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@operator("Where", weights=(1, 2), together=True)
def where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``a`` where the condition holds, else ``b``."""
    return torch.where(condition, a, b)
