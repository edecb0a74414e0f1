"""Pixels out of a request: one input, checked against what the model takes, copied nowhere when
it came as binary data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polarizer.description import InputSpec
from service.errors import InferenceRequestError
from service.oip import framing
from service.oip.requests import InferRequest, InputTensor

INPUT = "input"
DATATYPES: Mapping[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype("u1")}
TOLERANCE = 1e-3
"""How far pixels may lie outside [0, 1]: resizing and lossy formats overshoot a little."""

Pixels = NDArray[np.float32] | NDArray[np.uint8]


def pixels(request: InferRequest, tensors: memoryview, spec: InputSpec) -> Pixels:
    """The images of a request, ``(N, C, H, W)``: float32 in [0, 1], or uint8 in 0…255.

    Binary data becomes a read-only view of ``tensors``. Raises InferenceRequestError, which says
    what is wrong and what to send.
    """
    tensor = _only_input(request)
    dtype = DATATYPES.get(tensor.datatype)
    if dtype is None:
        raise InferenceRequestError(
            f"{INPUT} has the datatype {tensor.datatype!r:.40}; send FP32 (pixels in [0, 1]) or"
            " UINT8"
        )
    _require_shape(tensor, spec)
    if tensor.parameters.shared_memory_region is not None:
        raise InferenceRequestError(
            f"{INPUT} names a shared memory region; send its bytes, regions are not shared here"
        )
    size = tensor.parameters.binary_data_size
    (data,) = framing.cut(tensors, [size]) if size is not None else (None,)
    if data is None:
        framing.cut(tensors, [])
        found = _from_json(tensor, dtype)
    else:
        found = _from_bytes(tensor, data, dtype)
    return _require_range(found.reshape(tensor.shape))


def _only_input(request: InferRequest) -> InputTensor:
    names = [tensor.name for tensor in request.inputs]
    if names != [INPUT]:
        raise InferenceRequestError(
            f"the inputs are {names!r:.200}; send one that is called {INPUT!r}, with all images"
        )
    return request.inputs[0]


def _require_shape(tensor: InputTensor, spec: InputSpec) -> None:
    image = (spec.channels, spec.height, spec.width)
    if len(tensor.shape) != 4 or tensor.shape[1:] != image:
        raise InferenceRequestError(
            f"{INPUT} has the shape {list(tensor.shape)}; the model takes"
            f" [N, {', '.join(map(str, image))}]: images, channels, height, width"
        )
    if tensor.shape[0] == 0:
        raise InferenceRequestError(f"{INPUT} holds no image; send at least one")


def _from_bytes(tensor: InputTensor, data: memoryview, dtype: np.dtype[Any]) -> NDArray[Any]:
    if tensor.data is not None:
        raise InferenceRequestError(f"{INPUT} has both data and binary_data_size; send one of them")
    needed = _count(tensor) * dtype.itemsize
    if len(data) != needed:
        raise InferenceRequestError(
            f"{INPUT} has {len(data)} bytes of binary data; {tensor.datatype} of the shape"
            f" {list(tensor.shape)} needs {needed}"
        )
    return np.frombuffer(data, dtype)


def _from_json(tensor: InputTensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(tensor.data, list):
        raise InferenceRequestError(
            f"{INPUT} has no data; send a list of numbers, or binary data with binary_data_size"
        )
    try:
        found = np.asarray(tensor.data)
    except ValueError as error:
        raise InferenceRequestError(
            f"{INPUT}.data is nested unevenly; send one flat list, or {list(tensor.shape)}"
        ) from error
    if found.dtype.kind not in ("iuf" if dtype.kind == "f" else "iu"):
        kind = "numbers" if dtype.kind == "f" else "whole numbers from 0 to 255"
        raise InferenceRequestError(f"{INPUT}.data of {tensor.datatype} must hold {kind} only")
    if found.size != _count(tensor) or found.shape not in (tensor.shape, (found.size,)):
        raise InferenceRequestError(
            f"{INPUT}.data has the shape {list(found.shape)}; send {list(tensor.shape)}, or"
            f" {_count(tensor)} numbers in one list"
        )
    if dtype.kind == "u" and not (found.min() >= 0 and found.max() <= 255):
        raise InferenceRequestError(f"{INPUT}.data of UINT8 must lie in 0…255")
    with np.errstate(over="ignore"):  # becomes an infinity, which is out of range
        return found.astype(dtype)


def _count(tensor: InputTensor) -> int:
    """How many numbers the shape says; Python's integers do not overflow."""
    count = 1
    for length in tensor.shape:
        count *= length
    return count


def _require_range(images: NDArray[Any]) -> Pixels:
    if images.dtype.kind == "f":
        low, high = float(images.min()), float(images.max())
        if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # also when they are not numbers
            raise InferenceRequestError(
                f"{INPUT} runs from {low:g} to {high:g}; send pixels in [0, 1] (or UINT8): the"
                " model normalises them by itself"
            )
    return images
