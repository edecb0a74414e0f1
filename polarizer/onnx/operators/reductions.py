"""Sums, means and the like over axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from polarizer.onnx.operators.registry import operator
from polarizer.onnx.operators.sizes import whole_numbers

Reduce = Callable[[Tensor, list[int], bool], Tensor]

_REDUCTIONS: Mapping[str, Reduce] = {
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keep).sqrt(),
    "ReduceMax": lambda x, axes, keep: torch.amax(x, axes, keep),
    "ReduceMean": lambda x, axes, keep: x.mean(axes, keep),
    "ReduceMin": lambda x, axes, keep: torch.amin(x, axes, keep),
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keep),
}


def _register(name: str, reduce: Reduce) -> None:
    @operator(name, sizes=(1,))
    def compute(
        x: Tensor,
        chosen: Tensor | None = None,
        *,
        axes: Sequence[int] | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        """The axes are an attribute, or an input in later opsets; none: all."""
        over = list(axes or ()) if chosen is None else whole_numbers(chosen)
        if not over and noop_with_empty_axes:
            return x
        return reduce(x, over or list(range(x.ndim)), bool(keepdims))


for _name, _reduce in _REDUCTIONS.items():
    _register(_name, _reduce)


@operator("ReduceProd", sizes=(1,))
def product(
    x: Tensor,
    chosen: Tensor | None = None,
    *,
    axes: Sequence[int] | None = None,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
) -> Tensor:
    """Of sizes, mostly."""
    over = list(axes or ()) if chosen is None else whole_numbers(chosen)
    if not over and noop_with_empty_axes:
        return x
    for axis in sorted((one % x.ndim for one in over or range(x.ndim)), reverse=True):
        x = x.prod(axis, keepdim=bool(keepdims))
    return x


@operator("ArgMax")
def arg_max(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The first of the largest, or the last."""
    if not select_last_index:
        return x.argmax(axis, keepdim=bool(keepdims))
    return x.shape[axis] - 1 - x.flip(axis).argmax(axis, keepdim=bool(keepdims))
