"""Tables of images, as Hugging Face's datasets and others write them."""

from __future__ import annotations

import random
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets import Dataset, DatasetLimits, read_images
from polarizer.datasets.parquet.encodings import hybrid
from polarizer.datasets.parquet.snappy import unpack
from polarizer.datasets.parquet.zstd import unpack as unpack_zstd
from polarizer.errors import (
    DatasetFormatError,
    DatasetImagesError,
    DatasetLabelsError,
)
from tests.polarizer.archives import CLASSES, encoded, pixels, spec, write_zip
from tests.polarizer.datasets import parquet_file as made
from tests.polarizer.datasets.parquet_file import Column, images_table, lying

FILES = Path(__file__).parent / "files"
IMAGES = [encoded(pixels(seed)) for seed in range(6)]
LABELS = [0, 1, 2, 2, 1, 0]


def read(path: Path, content: bytes, **options: Any) -> Dataset:
    path.write_bytes(content)
    return read_images(path, **{"spec": spec(), "classes": CLASSES} | options)


def by_class(dataset: Dataset, seeds: list[int]) -> None:
    """The images of these seeds, in this order."""
    expected = np.stack([pixels(seed) for seed in seeds]).transpose(0, 3, 1, 2)
    assert torch.equal(dataset.images.images, torch.from_numpy(expected))


@pytest.mark.parametrize("second", [False, True], ids=["pages 1", "pages 2"])
@pytest.mark.parametrize("codec", [made.NONE, made.SNAPPY, made.GZIP, made.ZSTD])
@pytest.mark.parametrize("names", [None, CLASSES], ids=["indices", "names"])
def test_a_table_is_read(tmp_path: Path, codec: int, second: bool, names: Any) -> None:
    table = images_table(IMAGES, LABELS, codec=codec, second=second, names=names)
    dataset = read(tmp_path / "set", table)
    by_class(dataset, [0, 5, 1, 4, 2, 3])
    assert dataset.images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.report.source_format == "parquet"


@pytest.mark.parametrize("path", sorted(FILES.glob("*.parquet")), ids=lambda path: path.stem)
def test_what_arrow_wrote_is_read(path: Path) -> None:
    """Written by pyarrow 26 with the settings that each file is named after."""
    dataset = read_images(path, spec=spec(), classes=CLASSES)
    by_class(dataset, [0, 5, 1, 4, 2, 3])
    assert dataset.images.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_names_go_before_indices(tmp_path: Path) -> None:
    table = images_table(IMAGES, LABELS, names=("polar_bear", "Dog", "CAT"))
    dataset = read(tmp_path / "set", table)
    assert dataset.images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    by_class(dataset, [2, 3, 1, 4, 0, 5])
    as_indices = read(tmp_path / "set", table, labels="indices")
    by_class(as_indices, [0, 5, 1, 4, 2, 3])


def test_names_that_no_class_has_are_named(tmp_path: Path) -> None:
    table = images_table(IMAGES, LABELS, names=("cat", "dog", "zebra"))
    with pytest.raises(DatasetLabelsError, match="zebra"):
        read(tmp_path / "set", table)


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range(tmp_path: Path, label: int) -> None:
    for names in (None, CLASSES):
        with pytest.raises(DatasetLabelsError):
            read(tmp_path / "set", images_table(IMAGES, [*LABELS[:-1], label], names=names))


def test_a_row_without_a_label(tmp_path: Path) -> None:
    with pytest.raises(DatasetLabelsError, match="without a label"):
        read(tmp_path / "set", images_table(IMAGES, [*LABELS[:-1], None]))


def test_missing_and_damaged_images_are_left_out(tmp_path: Path) -> None:
    images = [*IMAGES, None, b"damaged"]
    limits = DatasetLimits(max_damaged=0.3)
    dataset = read(tmp_path / "set", images_table(images, [*LABELS, 0, 1]), limits=limits)
    assert dataset.report.images == 6
    assert dataset.report.damaged == 2
    with pytest.raises(DatasetImagesError, match="2 of 8 images are damaged"):
        read(tmp_path / "set", images_table(images, [*LABELS, 0, 1]))


def test_dictionaries_and_flat_columns(tmp_path: Path) -> None:
    places = made.packed([2, 0, 1, 0, 2, 1], 2)
    page = made.data_page(
        IMAGES, content=bytes([2]) + places, encoding=made.BY_DICTIONARY, codec=made.SNAPPY
    )
    pages = [made.dictionary_page(IMAGES[:3], made.SNAPPY), page]
    image = Column(("image",), made.BYTES, pages, 6, made.SNAPPY)
    few = made.run(1, 4, 1) + made.packed([0, 1], 1)
    labels = made.data_page(LABELS, content=bytes([1]) + few, encoding=made.BY_DICTIONARY)
    label = Column(("label",), made.LONG, [made.dictionary_page([0, 2]), labels], 6)
    dataset = read(tmp_path / "set", made.written([[image, label]], schema=made.FLAT))
    by_class(dataset, [2, 2, 0, 1, 0, 1])
    assert dataset.images.labels.tolist() == [0, 2, 2, 2, 2, 2]


def test_several_files_in_a_zip(tmp_path: Path) -> None:
    shards = {
        "data/train-00001-of-2.parquet": images_table(IMAGES[3:], LABELS[3:]),
        "data/train-00000-of-2.parquet": images_table(IMAGES[:3], LABELS[:3]),
        "README.md": b"about it",
    }
    path = write_zip(tmp_path / "set", shards)
    dataset = read_images(path, spec=spec(), classes=CLASSES)
    by_class(dataset, [0, 5, 1, 4, 2, 3])
    assert dataset.report.source_format == "parquet"


def test_limits(tmp_path: Path) -> None:
    table = images_table(IMAGES, LABELS, codec=made.GZIP)
    for limits, why in (
        (DatasetLimits(max_entries=5), "6 rows"),
        (DatasetLimits(max_page_bytes=500), "a page of"),
        (DatasetLimits(max_ratio=0, ratio_free_bytes=300), "unpacks to more"),
        (DatasetLimits(max_total_bytes=100), "bytes"),
        (DatasetLimits(max_decoded_bytes=5 * 192), "more than the 5 images"),
    ):
        with pytest.raises(DatasetFormatError, match=why):
            read(tmp_path / "set", table, limits=limits)


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


CONTENT = bytes(1000) + b"image"
FRAME = made.zstd(CONTENT)
NAMELESS = made.zstd(CONTENT, says_size=False)


@pytest.mark.parametrize("frame", [FRAME, NAMELESS], ids=["sized", "of unknown size"])
def test_zstd_gives_back_what_was_packed(frame: bytes) -> None:
    assert unpack_zstd(memoryview(frame), len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (FRAME[:-1], len(CONTENT)),
        (NAMELESS[:-1], len(CONTENT)),
        (FRAME[:3], len(CONTENT)),
        (b"", len(CONTENT)),
        (FRAME, len(CONTENT) - 1),
        (FRAME, len(CONTENT) + 1),
        (NAMELESS, len(CONTENT) - 1),
        (FRAME + FRAME, len(CONTENT)),
        (FRAME + b"more", len(CONTENT)),
        (b"\x50\x2a\x4d\x18\4\0\0\0" + b"skip" + FRAME, len(CONTENT)),
    ],
    ids=[
        *("cut short", "of unknown size, cut short", "a head cut short", "nothing"),
        *("of more than was said", "of less than was said", "of unknown size and of more"),
        *("twice", "with something behind it", "behind one to be skipped"),
    ],
)
def test_zstd_that_is_not_one_whole_frame_is_refused(frame: bytes, size: int) -> None:
    with pytest.raises(DatasetFormatError, match="damaged"):
        unpack_zstd(memoryview(frame), size)


def test_zstd_takes_no_memory_that_only_the_frame_speaks_of() -> None:
    """A size of two exabytes, and a window of 1 GB that has to be kept while it is unpacked."""
    huge = b"\x28\xb5\x2f\xfd\xe0" + (2**61).to_bytes(8, "little") + b"\x03\0\0a"
    wide = b"\x28\xb5\x2f\xfd\0\xa0" + (len(CONTENT) << 3 | 1).to_bytes(3, "little") + CONTENT
    assert zstandard.get_frame_parameters(wide).window_size == 1 << 30
    for frame in (huge, wide):
        with pytest.raises(DatasetFormatError, match="damaged"):
            unpack_zstd(memoryview(frame), len(CONTENT))


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_zstd_of_any_bytes_ends_in_order(tail: bytes, size: int) -> None:
    for frame in (tail, FRAME[:6] + tail, NAMELESS[:6] + tail):
        with suppress(DatasetFormatError):
            assert len(unpack_zstd(memoryview(frame), size)) <= size


@given(st.binary(max_size=5000), st.integers(0, 2**32))
def test_snappy_gives_back_what_was_packed(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    packed, out = made.varint(len(data)), bytearray()
    while len(out) < len(data):
        rest = data[len(out) :]
        back = out.rfind(rest[:4]) if len(rest) >= 4 else -1
        if back >= 0 and rng.random() < 0.9:
            packed += bytes([3 << 2 | 2]) + (len(out) - back).to_bytes(2, "little")
            out += rest[:4]
        else:
            piece = rest[: rng.randint(1, 60)]
            packed += bytes([len(piece) - 1 << 2]) + piece
            out += piece
    assert unpack(memoryview(packed), len(data)) == data


def test_snappy_copies_that_overlap() -> None:
    """One byte repeated, by each of the three kinds of copies."""
    for copy, length in ((b"\x1d\x01", 11), (b"\x2a\x01\0", 11), (b"\x2b\x01\0\0\0", 11)):
        packed = made.varint(1 + length) + b"\0a" + copy
        assert unpack(memoryview(packed), 1 + length) == b"a" * (1 + length)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=8), st.integers(1, 20))
def test_runs_and_packed_numbers(pieces: list[tuple[bool, int]], width: int) -> None:
    rng = random.Random(str(pieces))
    data, expected = b"", []
    for is_run, length in pieces:
        numbers = [rng.randrange(1 << width) for _ in range(8 * length)]
        if is_run:
            data += made.run(numbers[0], length, width)
            expected += numbers[:1] * length
        else:
            data += made.packed(numbers, width)
            expected += numbers
    assert hybrid(memoryview(data), width, len(expected)).tolist() == expected
    with pytest.raises(DatasetFormatError):
        hybrid(memoryview(data), width, len(expected) + 1)
