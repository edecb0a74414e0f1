"""Shapes: asked for, computed with, and changed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.registry import operator
from polarizer.onnx.operators.sizes import whole_numbers


@operator("Shape")
def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """int64 on the CPU."""
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


@operator("Size")
def size(x: Tensor) -> Tensor:
    """How many numbers ``x`` holds."""
    return torch.tensor(x.numel(), dtype=torch.int64)


@operator("Reshape", weights=(0,), sizes=(1,))
def reshape(x: Tensor, sizes: Tensor, *, allowzero: int = 0) -> Tensor:
    """-1 stands for what is left, 0 for the size that was there."""
    wanted = whole_numbers(sizes)
    if not allowzero:
        wanted = [one or x.shape[axis] for axis, one in enumerate(wanted)]
    return x.reshape(wanted)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """To a matrix."""
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(prod(x.shape[:axis]), -1)


@operator("Transpose", weights=(0,))
def transpose(x: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    """Axes in another order; in reverse when none is said."""
    return x.permute(list(perm) if perm is not None else list(range(x.ndim))[::-1])


@operator("Squeeze", weights=(0,), sizes=(1,))
def squeeze(
    x: Tensor, chosen: Tensor | None = None, *, axes: Sequence[int] | None = None
) -> Tensor:
    """Without the axes that have one place."""
    where = axes if chosen is None else whole_numbers(chosen)
    if where is None:
        return x.squeeze()
    if any(x.shape[axis] != 1 for axis in where):
        raise ModelFormatError("the ONNX graph drops an axis that has more than one place")
    return x.squeeze(tuple(where))


@operator("Unsqueeze", weights=(0,), sizes=(1,))
def unsqueeze(
    x: Tensor, chosen: Tensor | None = None, *, axes: Sequence[int] | None = None
) -> Tensor:
    """With axes of one place; where they will stand is said."""
    where = list(axes or ()) if chosen is None else whole_numbers(chosen)
    ndim = x.ndim + len(where)
    for axis in sorted(one % ndim for one in where):
        x = x.unsqueeze(axis)
    return x


@operator("Concat", weights=(-1,), together=True)
def concatenate(*tensors: Tensor, axis: int) -> Tensor:
    """One behind the other."""
    return torch.cat(tensors, axis)


@operator("Split", sizes=(1,))
def split(
    x: Tensor,
    sizes: Tensor | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,  # noqa: ARG001 - as many as there are
    split: Sequence[int] | None = None,
    parts: int,
) -> tuple[Tensor, ...]:
    """Into the sizes that are said, or as many equal parts as there are outputs."""
    given = list(split or ()) if sizes is None else whole_numbers(sizes)
    if given:
        return torch.split(x, given, axis)
    return torch.split(x, -(-x.shape[axis] // parts), axis)


@operator("Slice", weights=(0,), sizes=(1, 2, 3, 4))
def cut(
    x: Tensor,
    begins: Tensor | None = None,
    stops: Tensor | None = None,
    chosen: Tensor | None = None,
    steps: Tensor | None = None,
    *,
    starts: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
) -> Tensor:
    """As Python's slices, also backwards."""
    first = list(starts or ()) if begins is None else whole_numbers(begins)
    last = list(ends or ()) if stops is None else whole_numbers(stops)
    where = list(axes or range(len(first))) if chosen is None else whole_numbers(chosen)
    by = [1] * len(first) if steps is None else whole_numbers(steps)
    for axis, begin, end, step in zip(where, first, last, by, strict=True):
        places = range(x.shape[axis])[begin:end:step]
        if step == 1 or not places:
            x = x.narrow(axis, min(max(places.start, 0), x.shape[axis]), len(places))
        else:
            chosen_places = torch.arange(places.start, places.stop, places.step, device=x.device)
            x = x.index_select(axis, chosen_places)
    return x


@operator("Gather", weights=(0,), together=True)
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Places of one axis, in the shape of the indices."""
    axis = axis % max(x.ndim, 1)
    places = indices.to(torch.int64)
    places = torch.where(places < 0, places + x.shape[axis], places)
    found = x.index_select(axis, places.reshape(-1))
    return found.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operator("Expand", weights=(0,), sizes=(1,))
def expand(x: Tensor, sizes: Tensor) -> Tensor:
    """Broadcast against a shape."""
    wanted = torch.broadcast_shapes(x.shape, whole_numbers(sizes))  # type: ignore[no-untyped-call]
    return x.expand(wanted)


@operator("Tile", weights=(0,), sizes=(1,))
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    """Several times along each axis."""
    return x.repeat(whole_numbers(repeats))


@operator("ConstantOfShape", sizes=(0,))
def constant_of_shape(sizes: Tensor, *, value: Tensor | None = None) -> Tensor:
    """One number everywhere; 0.0 when none is said."""
    filled = torch.zeros(1) if value is None else value.reshape(1)
    return filled.expand(whole_numbers(sizes))


@operator("Range", sizes=(-1,))
def numbers(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """From, to (without), in steps of."""
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Channels become places."""
    count, channels, height, width = x.shape
    each = channels // blocksize**2
    if mode == "DCR":
        parts = x.reshape(count, blocksize, blocksize, each, height, width)
        order = (0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(count, each, blocksize, blocksize, height, width)
        order = (0, 1, 4, 2, 5, 3)
    return parts.permute(order).reshape(count, each, height * blocksize, width * blocksize)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int) -> Tensor:
    """Places become channels."""
    count, channels, height, width = x.shape
    rows, columns = height // blocksize, width // blocksize
    parts = x.reshape(count, channels, rows, blocksize, columns, blocksize)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(count, -1, rows, columns)
