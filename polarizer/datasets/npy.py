"""The ``.npy`` arrays of an ``.npz``: header and size are checked before anything is allocated.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Only arrays of plain
numbers are read, so that nothing is ever unpickled.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from polarizer.errors import DatasetFormatError
from polarizer.listing import shown

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 4096
_PREAMBLE = {1: 10, 2: 12, 3: 12}  # bytes before the header's text, by major version
_NUMBERS = re.compile(r"[<>|=]?([uif][1248]|b1)")
_MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class NpyHeader:
    """What an ``.npy`` file says of its array; the data begins at byte ``start``."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def data_bytes(self) -> int:
        """How many bytes the array has."""
        return prod(self.shape) * self.dtype.itemsize


def parse_npy_header(name: str, head: bytes) -> NpyHeader:
    """The header at the beginning of ``head``, which should hold ``LONGEST_HEADER`` bytes or all.

    Raises :class:`DatasetFormatError` and nothing else, whatever the bytes.
    """
    if not head.startswith(MAGIC) or len(head) < 12 or head[6] not in _PREAMBLE:
        _refuse(name, "it is no NumPy array")
    first = _PREAMBLE[head[6]]
    length = int.from_bytes(head[8:first], "little")
    if first + length > min(len(head), LONGEST_HEADER):
        _refuse(name, "its header is longer than the file, or than any header of a plain array")
    fields = _literal(name, head[first : first + length])
    return NpyHeader(
        _dtype(name, fields["descr"]),
        _shape(name, fields["shape"]),
        fields["fortran_order"] is True,
        first + length,
    )


def array_from(name: str, header: NpyHeader, content: bytes) -> NDArray[Any]:
    """The array in the whole ``content`` of the file, which it shares; it cannot be written to."""
    if len(content) != header.start + header.data_bytes:
        _refuse(name, f"its header promises {header.data_bytes:,} bytes of data")
    if not header.data_bytes:
        return np.empty(header.shape, header.dtype)
    flat = np.frombuffer(content, header.dtype, offset=header.start)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def _literal(name: str, text: bytes) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd syntax
            fields = ast.literal_eval(text.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        fields = None
    if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
        _refuse(name, "its header is not that of an array")
    return fields


def _dtype(name: str, descr: object) -> np.dtype[Any]:
    if not isinstance(descr, str) or not _NUMBERS.fullmatch(descr):
        _refuse(name, f"it is of type {shown(repr(descr))}; only arrays of plain numbers are read")
    try:
        return np.dtype(descr)
    except TypeError:
        _refuse(name, f"it is of type {shown(descr)}; only arrays of plain numbers are read")


def _shape(name: str, shape: object) -> tuple[int, ...]:
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**40 for size in shape)
        or prod(max(size, 1) for size in shape) >= 2**48
    ):
        _refuse(name, "its shape is not one")
    return shape


def _refuse(name: str, why: str) -> NoReturn:
    raise DatasetFormatError(f"{shown(name)} in the .npz cannot be read: {why}")
