"""Writes Parquet files, good ones and others: every header is a value that a test may change."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

MAGIC = b"PAR1"
BYTES, LONG = 6, 2
NONE, SNAPPY, GZIP, ZSTD = 0, 1, 2, 6
PLAIN, RLE, BY_DICTIONARY = 0, 3, 8


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def struct(fields: dict[int, Any]) -> bytes:
    """A structure in Thrift's compact protocol; fields that are None are left out."""
    out, last = bytearray(), 0
    for number, value in sorted(fields.items()):
        if value is None:
            continue
        kind, body = _value(value)
        step = number - last
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _zigzag(number)
        out += body
        last = number
    return bytes(out) + b"\0"


def _zigzag(number: int) -> bytes:
    return varint(number * 2 if number >= 0 else -number * 2 - 1)


def _value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return (1 if value else 2), b""
    if isinstance(value, int):
        return 6, _zigzag(value)
    if isinstance(value, str | bytes):
        text = value.encode() if isinstance(value, str) else value
        return 8, varint(len(text)) + text
    if isinstance(value, dict):
        return 12, struct(value)
    items = [_value(item) for item in value]
    kind = items[0][0] if items else 12
    size = (
        bytes([len(items) << 4 | kind])
        if len(items) < 15
        else (bytes([0xF0 | kind]) + varint(len(items)))
    )
    return 9, size + b"".join(body for _, body in items)


def snappy(data: bytes) -> bytes:
    """In literals of 1,000 bytes; nothing is shorter for it."""
    out = varint(len(data))
    for start in range(0, len(data), 1000):
        piece = data[start : start + 1000]
        out += bytes([61 << 2]) + (len(piece) - 1).to_bytes(2, "little") + piece
    return out


def zstd(data: bytes, *, says_size: bool = True) -> bytes:
    """One frame."""
    return zstandard.ZstdCompressor(write_content_size=says_size).compress(data)


PACK = {
    NONE: bytes,
    SNAPPY: snappy,
    GZIP: lambda data: gzip.compress(data, mtime=0),
    ZSTD: zstd,
}


def plain(values: Sequence[int | bytes | None]) -> bytes:
    return b"".join(
        value.to_bytes(8, "little", signed=True)
        if isinstance(value, int)
        else len(value).to_bytes(4, "little") + value
        for value in values
        if value is not None
    )


def packed(numbers: Sequence[int], width: int) -> bytes:
    """Numbers of ``width`` bits, in groups of eight."""
    groups = -(-len(numbers) // 8)
    bits = sum(number << (place * width) for place, number in enumerate(numbers))
    return varint(groups << 1 | 1) + bits.to_bytes(groups * width, "little")


def run(number: int, times: int, width: int) -> bytes:
    return varint(times << 1) + number.to_bytes(-(-width // 8), "little")


@dataclass(frozen=True)
class Page:
    """Its header's fields, and its bytes as they are stored."""

    header: dict[int, Any]
    body: bytes


def data_page(
    values: Sequence[int | bytes | None],
    *,
    level: int = 0,
    codec: int = NONE,
    second: bool = False,
    content: bytes | None = None,
    encoding: int = PLAIN,
) -> Page:
    """``level``: how many of the steps to the value may be missing; ``second``: of version 2."""
    width = level.bit_length()
    levels = (
        packed([level if value is not None else 0 for value in values], width) if level else b""
    )
    body = plain(values) if content is None else content
    if second:
        about = {1: len(values), 2: values.count(None), 3: len(values), 4: encoding}
        about |= {5: len(levels), 6: 0}
        stored = levels + PACK[codec](body)
        return Page({1: 3, 2: len(levels) + len(body), 3: len(stored), 8: about}, stored)
    whole = (len(levels).to_bytes(4, "little") + levels if level else b"") + body
    about = {1: len(values), 2: encoding, 3: RLE, 4: RLE}
    stored = PACK[codec](whole)
    return Page({1: 0, 2: len(whole), 3: len(stored), 5: about}, stored)


def dictionary_page(values: Sequence[int | bytes], codec: int = NONE) -> Page:
    body = plain(values)
    stored = PACK[codec](body)
    return Page({1: 2, 2: len(body), 3: len(stored), 7: {1: len(values), 2: PLAIN}}, stored)


@dataclass(frozen=True)
class Column:
    path: tuple[str, ...]
    kind: int
    pages: list[Page]
    count: int
    codec: int = NONE
    about: dict[int, Any] = field(default_factory=dict)
    """Fields of its header that say something else."""


def element(name: str, **fields: int | None) -> dict[int, Any]:
    known = {"kind": 1, "repetition": 3, "children": 5}
    return {4: name, **{known[key]: value for key, value in fields.items()}}


SCHEMA = [
    element("schema", children=2),
    element("image", repetition=1, children=2),
    element("bytes", kind=BYTES, repetition=1),
    element("path", kind=BYTES, repetition=1),
    element("label", kind=LONG, repetition=1),
]
FLAT = [
    element("schema", children=2),
    element("image", kind=BYTES, repetition=0),
    element("label", kind=LONG, repetition=0),
]


def notes(names: Sequence[str] | None) -> list[dict[int, Any]]:
    """As ``datasets`` writes them."""
    label: dict[str, Any] = {"_type": "ClassLabel", "names": names}
    if names is None:
        label = {"_type": "Value", "dtype": "int64"}
    features = {"image": {"_type": "Image"}, "label": label}
    return [{1: "huggingface", 2: json.dumps({"info": {"features": features}})}]


def written(
    groups: Sequence[Sequence[Column]],
    *,
    schema: Sequence[dict[int, Any]] = SCHEMA,
    names: Sequence[str] | None = None,
    rows: int | None = None,
    footer: dict[int, Any] | None = None,
) -> bytes:
    """A whole file. ``rows``: what every group says it has; ``footer``: other fields of its end."""
    out, about_groups = bytearray(MAGIC), []
    for group in groups:
        chunks = []
        for column in group:
            start = len(out)
            for page in column.pages:
                out += struct(page.header) + page.body
            about = {1: column.kind, 2: [PLAIN], 3: list(column.path), 4: column.codec}
            about |= {5: column.count, 6: len(out) - start, 7: len(out) - start, 9: start}
            chunks.append({2: start, 3: about | column.about})
        count = group[0].count if rows is None else rows
        about_groups.append({1: chunks, 2: len(out), 3: count})
    fields = {1: 2, 2: list(schema), 3: sum(group[3] for group in about_groups)}
    fields |= {4: about_groups, 5: notes(names)}
    end = struct(fields | (footer or {}))
    return bytes(out) + end + len(end).to_bytes(4, "little") + MAGIC


def images_table(
    images: Sequence[bytes | None],
    labels: Sequence[int | None],
    *,
    codec: int = NONE,
    second: bool = False,
    names: Sequence[str] | None = None,
    group_rows: int = 4,
) -> bytes:
    """What ``datasets`` would write of these."""
    groups = []
    for start in range(0, len(images), group_rows):
        some, classes = images[start : start + group_rows], labels[start : start + group_rows]
        pages = [data_page(some, level=2, codec=codec, second=second)]
        of_labels = [data_page(classes, level=1, codec=codec, second=second)]
        groups.append(
            [
                Column(("image", "bytes"), BYTES, pages, len(some), codec),
                Column(("label",), LONG, of_labels, len(classes), codec),
            ]
        )
    return written(groups, names=names)


def lying(column: Column, number: int, value: Any, *, page: int = 0) -> Column:
    """The column with another value in the header of a page; ``number`` may be ``5.1``."""
    first, _, second = str(number).partition(".")
    header = dict(column.pages[page].header)
    if second:
        header[int(first)] = {**header[int(first)], int(second): value}
    else:
        header[int(first)] = value
    pages = list(column.pages)
    pages[page] = replace(pages[page], header=header)
    return replace(column, pages=pages)
