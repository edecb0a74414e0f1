"""Padding as ONNX says it: all begins, then all ends; or by a rule."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from polarizer.errors import ModelFormatError
from polarizer.onnx.operators.registry import operator
from polarizer.onnx.operators.sizes import whole_numbers

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


def explicit(
    x: Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int] | None,
    auto_pad: str,
) -> tuple[int, ...]:
    """What is added at each begin, then at each end, of the axes behind the channels."""
    axes = len(kernel)
    if auto_pad in ("NOTSET", ""):
        return tuple(pads or (0,) * (2 * axes))
    if auto_pad == "VALID":
        return (0,) * (2 * axes)
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ModelFormatError(f"the ONNX graph pads by the rule {auto_pad!r:.40}, unknown here")
    begins, ends = [], []
    for size, width, step, spread in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        needed = max(0, (-(-size // step) - 1) * step + (width - 1) * spread + 1 - size)
        less, more = needed // 2, needed - needed // 2
        begins.append(less if auto_pad == "SAME_UPPER" else more)
        ends.append(more if auto_pad == "SAME_UPPER" else less)
    return (*begins, *ends)


def torch_order(pads: Sequence[int]) -> list[int]:
    """Begin and end of the last axis, then of the one before, as torch wants it."""
    axes = len(pads) // 2
    return [pads[axis + side * axes] for axis in reversed(range(axes)) for side in (0, 1)]


@operator("Pad", sizes=(1, 3))
def pad(
    x: Tensor,
    sizes: Tensor | None = None,
    constant: Tensor | None = None,
    chosen: Tensor | None = None,
    *,
    mode: str = "constant",
    pads: Sequence[int] | None = None,
    value: float = 0.0,
) -> Tensor:
    """Around all axes, or those that are chosen; negative sizes cut."""
    given = list(pads or ()) if sizes is None else whole_numbers(sizes)
    if chosen is not None:
        given = _on_all_axes(given, whole_numbers(chosen), x.ndim)
    if mode not in _MODES:
        raise ModelFormatError(f"the ONNX graph pads by the mode {mode!r:.40}, unknown here")
    order = torch_order(given)
    if mode == "constant":
        return functional.pad(x, order, value=value if constant is None else constant.item())
    while len(order) > 2 and not any(order[-2:]):
        order = order[:-2]
    return functional.pad(x, order, mode=_MODES[mode])


def _on_all_axes(given: list[int], axes: list[int], ndim: int) -> list[int]:
    sizes = [0] * (2 * ndim)
    for place, axis in enumerate(axes):
        sizes[axis % ndim] = given[place]
        sizes[axis % ndim + ndim] = given[place + len(axes)]
    return sizes
