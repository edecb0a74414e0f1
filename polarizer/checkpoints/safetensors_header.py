"""The header of a safetensors file, checked in full before any of it is trusted.

Format: eight bytes (little-endian length of the header), the header (a JSON object from names to
``{"dtype", "shape", "data_offsets": [begin, end]}``, and ``__metadata__``), then the data. The
tensors must cover the data exactly: no gap, no overlap, nothing beyond the end.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import IO, Any, NoReturn

import torch

from polarizer.checkpoints.dtypes import SAFETENSORS
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.errors import ModelFormatError
from polarizer.listing import shown, some

LENGTH_BYTES = 8
METADATA_KEY = "__metadata__"
_MOST_DIMENSIONS = 16
_ENTRY_FIELDS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor: its bytes are ``begin:end`` of the data."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class SafetensorsHeader:
    """What the file holds; ``data_start`` is the offset of the data in the file, in bytes."""

    tensors: tuple[TensorEntry, ...]
    metadata: dict[str, str]
    data_start: int


def read_header(file: IO[bytes], file_size: int, limits: CheckpointLimits) -> SafetensorsHeader:
    """The header of ``file``; :class:`ModelFormatError` when anything about it is wrong."""
    prefix = file.read(LENGTH_BYTES)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < LENGTH_BYTES or length > file_size - LENGTH_BYTES:
        _refuse(f"its header should have {length:,} bytes, the file has {file_size:,}; truncated?")
    if length > limits.max_header_bytes:
        _refuse(f"its header has {length:,} bytes, at most {limits.max_header_bytes:,} are read")
    return parse_header(file.read(length), file_size - LENGTH_BYTES - length, limits)


def parse_header(
    header: bytes, data_size: int, limits: CheckpointLimits | None = None
) -> SafetensorsHeader:
    """The header, given its bytes and the number of bytes of data behind it.

    Raises :class:`ModelFormatError` and nothing else, whatever the bytes.
    """
    limits = limits or CheckpointLimits()
    fields = _json_object(header)
    metadata = _metadata(fields.pop(METADATA_KEY, {}))
    if len(fields) > limits.max_tensors:
        _refuse(f"it holds {len(fields):,} tensors, at most {limits.max_tensors:,} are read")
    entries = [_entry(name, entry) for name, entry in fields.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    _check_coverage(entries, data_size)
    return SafetensorsHeader(tuple(entries), metadata, LENGTH_BYTES + len(header))


def _json_object(header: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(header.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(
            f"the safetensors file is damaged: its header is not JSON ({type(error).__name__})"
        ) from error
    if not isinstance(fields, dict):
        _refuse("its header is not a JSON object")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(
            name for name, count in Counter(name for name, _ in pairs).items() if count > 1
        )
        _refuse(f"{shown(twice)} stands twice")
    return fields


def _metadata(metadata: Any) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        _refuse("its metadata is not an object of strings")
    return metadata


def _entry(name: str, entry: Any) -> TensorEntry:  # noqa: ANN401
    if not isinstance(entry, dict) or set(entry) != _ENTRY_FIELDS:
        _refuse(f"{shown(name)} has not exactly dtype, shape and data_offsets")
    dtype = SAFETENSORS.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        _refuse(
            f"{shown(name)} has type {shown(str(entry['dtype']))}; read are {some(SAFETENSORS, 99)}"
        )
    shape, offsets = _sizes(name, entry["shape"]), _sizes(name, entry["data_offsets"])
    too_large = len(shape) > _MOST_DIMENSIONS or prod(max(size, 1) for size in shape) >= 2**48
    if len(offsets) != 2 or too_large:
        _refuse(f"{shown(name)} has a malformed shape or data_offsets")
    begin, end = offsets
    if end - begin != prod(shape) * dtype.itemsize:
        _refuse(f"{shown(name)} does not have the number of bytes that its shape and type need")
    return TensorEntry(name, dtype, shape, begin, end)


def _sizes(name: str, values: Any) -> tuple[int, ...]:  # noqa: ANN401
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v < 2**63 for v in values):
        _refuse(f"{shown(name)} has a shape or data_offsets that are not lists of sizes")
    return tuple(values)


def _check_coverage(entries: list[TensorEntry], data_size: int) -> None:
    covered = 0
    for entry in entries:
        if entry.begin != covered:
            kind = "overlaps the one before it" if entry.begin < covered else "leaves a gap"
            _refuse(f"{shown(entry.name)} {kind}")
        covered = entry.end
    if covered > data_size:
        _refuse(f"its tensors need {covered:,} bytes, it holds {data_size:,}; truncated?")
    if covered < data_size:
        _refuse(f"{data_size - covered:,} bytes at its end belong to no tensor")


def _refuse(what: str) -> NoReturn:
    raise ModelFormatError(f"the safetensors file is damaged: {what}")
