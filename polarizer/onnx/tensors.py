"""Tensors of an ONNX file: their values, out and in again, in the field they came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from polarizer.errors import ModelFormatError
from polarizer.listing import shown
from polarizer.onnx.graph import Held, OnnxLimits

if TYPE_CHECKING:
    from onnx import TensorProto

_EXTERNAL = 1

# By ONNX's number: the type here, the field that may hold the values, and what these are there.
TYPES: dict[int, tuple[torch.dtype, str, torch.dtype]] = {
    1: (torch.float32, "float_data", torch.float32),
    2: (torch.uint8, "int32_data", torch.int32),
    3: (torch.int8, "int32_data", torch.int32),
    5: (torch.int16, "int32_data", torch.int32),
    6: (torch.int32, "int32_data", torch.int32),
    7: (torch.int64, "int64_data", torch.int64),
    9: (torch.bool, "int32_data", torch.int32),
    10: (torch.float16, "int32_data", torch.int32),  # bit by bit
    11: (torch.float64, "double_data", torch.float64),
    16: (torch.bfloat16, "int32_data", torch.int32),
}
_HALVES = (torch.float16, torch.bfloat16)


def held(proto: TensorProto, limits: OnnxLimits) -> Held:
    """Type and shape, checked. Raises :class:`ModelFormatError` for what is not read."""
    name = shown(proto.name)
    if proto.data_location == _EXTERNAL or proto.external_data:
        raise ModelFormatError(
            f"the ONNX file keeps the values of {name} in another file; save it as one file: "
            "onnx.save(onnx.load('model.onnx'), 'whole.onnx', save_as_external_data=False)"
        )
    if proto.HasField("segment"):
        raise ModelFormatError(f"the ONNX file holds only a segment of {name}")
    if proto.data_type not in TYPES:
        raise ModelFormatError(
            f"the ONNX file's tensor {name} is of type {proto.data_type}, which is not read; "
            "export the model in float32, not quantised"
        )
    shape = tuple(proto.dims)
    if len(shape) > limits.max_dimensions or any(size < 0 for size in shape):
        raise ModelFormatError(f"the ONNX file's tensor {name} has no usable shape")
    return Held(TYPES[proto.data_type][0], shape)


def values(proto: TensorProto, kind: Held) -> Tensor:
    """The values, in memory of their own. Raises :class:`ModelFormatError` unless there are as
    many as the shape says."""
    dtype, field, stored = TYPES[proto.data_type]
    if proto.HasField("raw_data"):
        if len(proto.raw_data) != kind.elements * dtype.itemsize:
            raise ModelFormatError(
                f"the ONNX file holds {len(proto.raw_data):,} bytes for {shown(proto.name)}, "
                f"whose shape asks for {kind.elements * dtype.itemsize:,}"
            )
        return _of_bytes(proto.raw_data, dtype, proto.name).reshape(kind.shape)
    given: Sequence[float] = getattr(proto, field)
    if len(given) != kind.elements:
        raise ModelFormatError(
            f"the ONNX file holds {len(given):,} values for {shown(proto.name)}, "
            f"whose shape asks for {kind.elements:,}"
        )
    flat = torch.tensor(given, dtype=stored)
    if dtype in _HALVES:
        return flat.to(torch.int16).view(dtype).reshape(kind.shape)
    return flat.to(dtype).reshape(kind.shape)


def _of_bytes(data: bytes, dtype: torch.dtype, name: str) -> Tensor:
    if not data:
        return torch.empty(0, dtype=dtype)
    if dtype is torch.bool and max(data) > 1:
        raise ModelFormatError(f"{shown(name)} is of type bool and holds other than 0 and 1")
    return torch.frombuffer(bytearray(data), dtype=dtype)


def without_values(proto: TensorProto) -> None:
    """Empties ``proto``; that its values were raw bytes, if they were, can still be seen."""
    raw = proto.HasField("raw_data")
    for _, field, _ in TYPES.values():
        proto.ClearField(field)
    if raw:
        proto.raw_data = b""


def put(proto: TensorProto, tensor: Tensor) -> None:
    """Fills what :func:`without_values` emptied, in the file's type."""
    dtype, field, stored = TYPES[proto.data_type]
    flat = tensor.detach().to("cpu", dtype).contiguous().reshape(-1)
    if proto.HasField("raw_data"):
        proto.raw_data = flat.view(torch.uint8).numpy().tobytes()
    elif dtype in _HALVES:
        bits = flat.view(torch.int16).to(torch.int32) & 0xFFFF
        getattr(proto, field).extend(bits.tolist())
    else:
        getattr(proto, field).extend(flat.to(stored).tolist())
