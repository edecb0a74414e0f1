"""Images and labels of a Parquet table, as Hugging Face's ``datasets`` writes it: a column of
``{bytes, path}`` or of bytes, and one of classes, whose names stand in the file's notes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, BinaryIO

from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.parquet.damage import damaged, unusual
from polarizer.datasets.parquet.pages import Budget, Value, values
from polarizer.datasets.parquet.schema import BYTE_ARRAY, INT32, INT64, Column, Footer, Group
from polarizer.datasets.parquet.thrift import Thrift
from polarizer.errors import DatasetFormatError, DatasetLabelsError
from polarizer.listing import shown, some

MAGIC = b"PAR1"

IMAGES = ("image", "img", "images", "pixel_values")
LABELS = ("label", "labels", "class", "target", "fine_label")
_NOTES = b"huggingface"
_LONGEST_FOOTER = 16 << 20


@dataclass(frozen=True)
class Row:
    """One image file and what it shows: a class's name, or its index as text."""

    label: str
    content: bytes | None


def read_parquet(
    file: BinaryIO, size: int, limits: DatasetLimits, classes: tuple[str, ...], *, names: bool
) -> Iterator[Row]:
    """The rows of a file of ``size`` bytes. Without ``names`` labels are indices, whatever names
    the file has for them. Raises :class:`DatasetFormatError`, :class:`DatasetLabelsError`."""
    footer = _footer(file, size, limits)
    features = _features(footer)
    image = _image_column(footer, features)
    label = _label_column(footer, features, classes)
    known = _names(features, label.path[0]) if names else []
    budget = Budget(limits.unpacked(size), limits.max_page_bytes)
    for group in footer.groups:
        yield from _rows(file, group, image, label, known, budget)


def _footer(file: BinaryIO, size: int, limits: DatasetLimits) -> Footer:
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > size - 12:
        damaged("its end is missing; the file is truncated")
    if length > _LONGEST_FOOTER:
        unusual(f"has a footer of {length:,} bytes", "write fewer groups of rows")
    file.seek(size - 8 - length)
    footer = Footer.of(Thrift(file.read(length)).struct(), size)
    rows = sum(group.rows for group in footer.groups)
    if rows > limits.max_entries:
        raise DatasetFormatError(
            f"the Parquet file has {rows:,} rows; at most {limits.max_entries:,} are read"
        )
    return footer


def _features(footer: Footer) -> dict[str, dict[str, Any]]:
    """What ``datasets`` notes of the columns; empty when somebody else wrote the file."""
    try:
        found = json.loads(footer.notes.get(_NOTES, b"{}"))["info"]["features"]
        return {name: feature for name, feature in found.items() if isinstance(feature, dict)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _image_column(footer: Footer, features: dict[str, dict[str, Any]]) -> Column:
    noted = [name for name, feature in features.items() if feature.get("_type") == "Image"]
    for name in (*noted, *IMAGES):
        for path in ((name, "bytes"), (name,)):
            column = footer.columns.get(path)
            if column is not None and column.kind == BYTE_ARRAY and not column.repeated:
                return column
    there = some(sorted({path[0] for path in footer.columns}))
    raise DatasetFormatError(
        f"the Parquet file has no column of images among {there}. Name it 'image': the bytes of an"
        " image file, or a structure with them under 'bytes'"
    )


def _label_column(
    footer: Footer, features: dict[str, dict[str, Any]], classes: tuple[str, ...]
) -> Column:
    noted = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"]
    noted.sort(key=lambda name: not set(_names(features, name)) & set(classes))
    for name in (*noted, *LABELS):
        column = footer.columns.get((name,))
        if column and column.kind in (INT32, INT64, BYTE_ARRAY) and not column.repeated:
            return column
    there = some(sorted({path[0] for path in footer.columns}))
    raise DatasetFormatError(
        f"the Parquet file has no column of labels among {there}. Name it 'label': indices or names"
        " of classes"
    )


def _names(features: dict[str, dict[str, Any]], column: str) -> list[str]:
    names = features.get(column, {}).get("names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return []


def _rows(
    file: BinaryIO, group: Group, image: Column, label: Column, names: list[str], budget: Budget
) -> Iterator[Row]:
    chunks = [group.chunks.get(column.path) for column in (image, label)]
    if any(chunk is None or chunk.values != group.rows for chunk in chunks):
        damaged("a group of rows without all of its columns")
    pictures, classes = (values(file, chunk, budget) for chunk in chunks if chunk)
    for picture, given in zip_longest(pictures, classes):
        content = bytes(picture) if isinstance(picture, bytes | memoryview) else None
        yield Row(_label(given, names), content)


def _label(given: Value, names: list[str]) -> str:
    if isinstance(given, int):
        if names and not 0 <= given < len(names):
            raise DatasetLabelsError(
                f"label {given} has no name: the Parquet file names {len(names)} classes"
            )
        return names[given] if names else str(given)
    if given is None:
        raise DatasetLabelsError("the Parquet file has a row without a label")
    return shown(bytes(given).decode("utf-8", "replace"))
