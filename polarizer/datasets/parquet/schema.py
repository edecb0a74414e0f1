"""What a Parquet file says about itself: its columns, its groups of rows, its writer's notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from polarizer.datasets.parquet.damage import damaged
from polarizer.datasets.parquet.thrift import Struct

INT32, INT64, BYTE_ARRAY = 1, 2, 6
_OPTIONAL, _REPEATED = 1, 2
_DEEPEST = 8
MOST_COLUMNS = 1000


@dataclass(frozen=True)
class Column:
    """A leaf of the schema. ``level``: how many of the steps of its path may be missing."""

    path: tuple[str, ...]
    kind: int
    level: int
    repeated: bool


@dataclass(frozen=True)
class Chunk:
    """The pages of one column in one group of rows: ``size`` bytes from ``start`` on."""

    column: Column
    codec: int
    values: int
    start: int
    size: int


@dataclass(frozen=True)
class Group:
    """Rows that are stored together."""

    rows: int
    chunks: dict[tuple[str, ...], Chunk]


@dataclass(frozen=True)
class Footer:
    """The whole file; ``notes`` are what the writer put beside the schema."""

    columns: dict[tuple[str, ...], Column]
    groups: list[Group]
    notes: dict[bytes, bytes]

    @classmethod
    def of(cls, footer: Struct, size: int) -> Footer:
        """Checked against a file of ``size`` bytes. Raises DatasetFormatError."""
        elements = field(footer, 2, list)
        if len(elements) > MOST_COLUMNS:
            damaged(f"more than {MOST_COLUMNS} columns")
        columns = {column.path: column for column in _Schema(elements).leaves()}
        groups = [_group(group, columns, size) for group in field(footer, 4, list)]
        notes = (struct(note) for note in field(footer, 5, list, []))
        return cls(
            columns, groups, {field(n, 1, bytes, b""): field(n, 2, bytes, b"") for n in notes}
        )


class _Schema:
    """A tree, written as a list: each element with the number of its children, which follow."""

    def __init__(self, elements: list[Any]) -> None:
        self._elements = [struct(element) for element in elements]
        self._next = 0

    def leaves(self) -> list[Column]:
        if not self._elements:
            damaged("no schema")
        found = self._below((), 0, False, is_root=True)
        if self._next != len(self._elements):
            damaged("a schema that is no tree")
        return found

    def _below(
        self, path: tuple[str, ...], level: int, repeated: bool, *, is_root: bool = False
    ) -> list[Column]:
        if self._next >= len(self._elements) or len(path) > _DEEPEST:
            damaged("a schema that is no tree")
        element = self._elements[self._next]
        self._next += 1
        if not is_root:
            path = (*path, field(element, 4, bytes).decode("utf-8", "replace"))
            level += field(element, 3, int, 0) == _OPTIONAL
            repeated |= field(element, 3, int, 0) == _REPEATED
            level += field(element, 3, int, 0) == _REPEATED
        children = field(element, 5, int, 0)
        if not children and not is_root:
            return [Column(path, field(element, 1, int), level, repeated)]
        if not 0 <= children < len(self._elements):
            damaged("a schema that is no tree")
        return [leaf for _ in range(children) for leaf in self._below(path, level, repeated)]


def _group(group: Any, columns: dict[tuple[str, ...], Column], size: int) -> Group:  # noqa: ANN401
    group = struct(group)
    rows = field(group, 3, int)
    if rows < 0:
        damaged("a group of fewer rows than none")
    chunks = {}
    for one in field(group, 1, list):
        about = struct(field(struct(one), 3, dict))
        steps = field(about, 3, list)
        if not all(isinstance(step, bytes) for step in steps):
            damaged("a column whose path is no path")
        path = tuple(step.decode("utf-8", "replace") for step in steps)
        if path not in columns or path in chunks:
            damaged("a column that is not in the schema, or twice")
        chunks[path] = _chunk(about, columns[path], size)
    return Group(rows, chunks)


def _chunk(about: Struct, column: Column, size: int) -> Chunk:
    first = field(about, 9, int)
    dictionary = field(about, 11, int, 0)
    start = dictionary if 0 < dictionary < first else first
    length = field(about, 7, int)
    if not 4 <= start <= start + length <= size or length < 0:
        damaged("a column that lies outside of the file")
    return Chunk(column, field(about, 4, int), field(about, 5, int), start, length)


def struct(found: Any) -> Struct:  # noqa: ANN401
    """A structure. Raises DatasetFormatError for anything else."""
    if not isinstance(found, dict):
        damaged("a header that is built in another way")
    return found


def field(found: Struct, number: int, kind: type[Any], default: Any = None) -> Any:  # noqa: ANN401
    """A field of this type. Raises DatasetFormatError when it is of another, or missing."""
    value = found.get(number, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        damaged(f"a header whose field {number} is missing, or of another type")
    return value
