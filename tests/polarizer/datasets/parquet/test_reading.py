"""Tables of images, as Hugging Face's datasets and others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polarizer.datasets import Dataset, DatasetLimits, read_images
from polarizer.errors import DatasetFormatError, DatasetImagesError, DatasetLabelsError
from tests.polarizer.archives import CLASSES, pixels, spec, write_zip
from tests.polarizer.datasets import parquet_file as made
from tests.polarizer.datasets.parquet.tables import IMAGES, LABELS, read
from tests.polarizer.datasets.parquet_file import Column, images_table

FILES = Path(__file__).parents[1] / "files"


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
