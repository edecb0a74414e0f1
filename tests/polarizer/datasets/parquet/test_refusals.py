"""Tables that are not what they say: refused with the reason, and within little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from polarizer.errors import DatasetFormatError
from tests.polarizer.datasets import parquet_file as made
from tests.polarizer.datasets.parquet.tables import IMAGES, LABELS, read
from tests.polarizer.datasets.parquet_file import Column, lying

IMAGE = Column(("image", "bytes"), made.BYTES, [made.data_page(IMAGES, level=2)], 6)
LABEL = Column(("label",), made.LONG, [made.data_page(LABELS, level=1)], 6)
OTHER_SCHEMA = [made.element("schema", children=1), made.element("text", kind=made.BYTES)]


def _group(image: Column = IMAGE, label: Column = LABEL, **options: Any) -> bytes:
    return made.written([[image, label]], **options)


def _codec(codec: int) -> Column:
    return Column(IMAGE.path, made.BYTES, IMAGE.pages, 6, codec)


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing behind the magic": (b"PAR1", "truncated"),
    "cut off": (_group()[:-1], "truncated"),
    "a footer longer than the file": (b"PAR1" + b"\xff\xff\xff\x7fPAR1", "truncated"),
    "LZ4": (_group(_codec(7)), "LZ4.*snappy"),
    "an unknown compression": (_group(_codec(77)), "method 77"),
    "damaged gzip": (_group(_codec(2)), "damaged"),
    "damaged snappy": (_group(_codec(1)), "damaged"),
    "damaged zstd": (_group(_codec(6)), "damaged"),
    "an unknown encoding": (_group(lying(IMAGE, 5.2, 6)), "way 6"),
    "a dictionary that is not there": (_group(lying(IMAGE, 5.2, 8)), "without its dictionary"),
    "a page of 2 GB": (_group(lying(IMAGE, 2, 2**31 - 1)), "at most 268,435,456"),
    "a page longer than its column": (_group(lying(IMAGE, 3, 10**6)), "longer than its column"),
    "a page of negative size": (_group(lying(IMAGE, 3, -1)), "longer than its column"),
    "more values than rows": (_group(lying(IMAGE, 5.1, 7)), "more values"),
    "fewer values than rows": (_group(lying(IMAGE, 5.1, 5)), "fewer values"),
    "a billion rows": (_group(rows=10**9), "1,000,000,000 rows"),
    "negative rows": (_group(rows=-1), "fewer rows than none"),
    "rows of another number": (_group(rows=5), "without all of its columns"),
    "a column beyond the file": (
        _group(Column(IMAGE.path, made.BYTES, IMAGE.pages, 6, about={9: 2**40})),
        "outside of the file",
    ),
    "a column of negative size": (
        _group(Column(IMAGE.path, made.BYTES, IMAGE.pages, 6, about={7: -1})),
        "outside of the file",
    ),
    "a column twice": (made.written([[IMAGE, IMAGE, LABEL]]), "or twice"),
    "a column that is missing": (made.written([[IMAGE]]), "without all of its columns"),
    "no images": (made.written([], schema=OTHER_SCHEMA), "no column of images among text"),
    "no schema": (made.written([], schema=[]), "damaged"),
    "a schema of endless children": (
        made.written([], schema=[made.element("a", children=2**31)]),
        "no tree",
    ),
    "a schema that goes on": (made.written([], schema=[*made.FLAT, *made.FLAT]), "no tree"),
    "a schema that is deep": (
        made.written([], schema=[made.element("a", children=1)] * 500),
        "no tree",
    ),
    "a footer of structures": (made.written([], footer={9: [{}] * 600_000}), "too many values"),
    "a footer that is deep": (
        b"PAR1" + b"\x1c" * 5000 + (5000).to_bytes(4, "little") + b"PAR1",
        "nested too deeply",
    ),
    "a list without end": (
        b"PAR1" + b"\x29\xfc\xff\xff\xff\xff\x0f" + (7).to_bytes(4, "little") + b"PAR1",
        "longer than its header",
    ),
    "a page of unknown type": (_group(lying(IMAGE, 1, 9)), "type 9"),
    "a value longer than its page": (
        _group(
            Column(
                IMAGE.path,
                made.BYTES,
                [made.data_page([b""] * 6, level=2, content=b"\xff\xff\xff\x7f" * 6)],
                6,
            )
        ),
        "longer than its page",
    ),
    "a place beyond the dictionary": (
        _group(
            Column(
                IMAGE.path,
                made.BYTES,
                [
                    made.dictionary_page(IMAGES[:1]),
                    made.data_page(
                        [b""] * 6,
                        level=2,
                        content=b"\1" + made.run(1, 6, 1),
                        encoding=made.BY_DICTIONARY,
                    ),
                ],
                6,
            )
        ),
        "not in the dictionary",
    ),
    "repeated images": (
        made.written(
            [],
            schema=[
                made.element("schema", children=2),
                made.element("image", kind=made.BYTES, repetition=2),
                made.element("label", kind=made.LONG, repetition=0),
            ],
        ),
        "no column of images",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str) -> None:
    content, why = REFUSED[name]
    with pytest.raises(DatasetFormatError, match=why):
        read(tmp_path / "set", content)


@pytest.mark.parametrize("codec", [made.GZIP, made.ZSTD], ids=["gzip", "zstd"])
def test_a_bomb_takes_no_memory(tmp_path: Path, codec: int) -> None:
    """Each page may unpack to its 100 MB, but not all of them."""
    body = made.PACK[codec](bytes(100 << 20))
    header = {1: 0, 2: 100 << 20, 3: len(body), 5: {1: 6, 2: made.PLAIN, 3: made.RLE, 4: made.RLE}}
    page = made.Page(header, body)
    image = Column(IMAGE.path, made.BYTES, [page], 6, codec)
    content = _group(image)
    assert len(content) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(DatasetFormatError, match="unpacks to more"):
            read(tmp_path / "set", content)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
