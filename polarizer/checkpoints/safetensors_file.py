"""Reading and writing safetensors files. What is written depends on nothing but the content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from polarizer.checkpoints.dtypes import SAFETENSORS_NAMES
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.safetensors_header import (
    LENGTH_BYTES,
    METADATA_KEY,
    TensorEntry,
    read_header,
)
from polarizer.errors import ModelFormatError
from polarizer.listing import shown

_ALIGNMENT = 8


def read_safetensors(
    path: Path, limits: CheckpointLimits
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """``(tensors, metadata)`` of a file, on the CPU, types as they are.

    Raises :class:`ModelFormatError` when the file is damaged or over a limit.
    """
    with path.open("rb") as file:
        return read_safetensors_stream(file, path.stat().st_size, limits)


def read_safetensors_stream(
    file: IO[bytes], size: int, limits: CheckpointLimits
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The same of ``size`` bytes that are read from ``file``, once and in their order."""
    header = read_header(file, size, limits)
    tensors = {entry.name: _read(file, entry) for entry in header.tensors}
    return tensors, header.metadata


def _read(file: IO[bytes], entry: TensorEntry) -> Tensor:
    data = bytearray(entry.end - entry.begin)
    if file.readinto(data) != len(data):  # type: ignore[attr-defined]
        raise ModelFormatError("the safetensors file became shorter while it was read")
    return tensor_from(data, entry.dtype, entry.name).reshape(entry.shape)


def tensor_from(data: bytearray, dtype: torch.dtype, name: str) -> Tensor:
    """A flat tensor over little-endian bytes, which it keeps; ``name`` is for the error."""
    if not data:
        return torch.empty(0, dtype=dtype)
    if len(data) % dtype.itemsize:
        raise ModelFormatError(f"{shown(name)} does not have a whole number of values")
    if dtype is torch.bool and torch.frombuffer(data, dtype=torch.uint8).max() > 1:
        raise ModelFormatError(f"{shown(name)} is of type bool and holds other than 0 and 1")
    return torch.frombuffer(data, dtype=dtype)


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> str:
    """Write the file and return its sha256, in hexadecimal.

    The same tensors and metadata always give the same bytes: names are sorted, wide types first so
    that every tensor is aligned.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    digest = hashlib.sha256()
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        for data in _chunks(names, tensors, metadata):
            digest.update(data)
            file.write(data)
    partial.replace(path)
    return digest.hexdigest()


def _chunks(
    names: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> Iterator[bytes | memoryview]:
    yield _header(names, tensors, metadata)
    for name in names:
        yield _bytes_of(tensors[name])


def _header(names: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    fields: dict[str, object] = {METADATA_KEY: dict(sorted(metadata.items()))}
    begin = 0
    for name in names:
        tensor = tensors[name]
        end = begin + tensor.numel() * tensor.element_size()
        fields[name] = {
            "dtype": SAFETENSORS_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
