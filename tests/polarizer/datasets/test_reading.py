"""Every format gives the same images, in an order of their own, whatever the archive's."""

from __future__ import annotations

import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polarizer.datasets import Dataset, DatasetLimits, read_images
from polarizer.errors import DatasetFormatError, DatasetImagesError, DatasetLabelsError
from tests.polarizer.archives import (
    CLASSES,
    class_folders,
    encoded,
    pixels,
    spec,
    write_npz,
    write_tar,
    write_zip,
)

Write = Callable[[Path, dict[str, bytes]], Path]

ARCHIVES: dict[str, Write] = {
    "zip": write_zip,
    "deflated": lambda path, members: write_zip(path, members, zipfile.ZIP_DEFLATED),
    "tar": write_tar,
    "gnu": lambda path, members: write_tar(path, members, form=tarfile.GNU_FORMAT),
    "ustar": lambda path, members: write_tar(path, members, form=tarfile.USTAR_FORMAT),
    "gz": lambda path, members: write_tar(path, members, "gz"),
    "bz2": lambda path, members: write_tar(path, members, "bz2"),
    "xz": lambda path, members: write_tar(path, members, "xz"),
}


def _read(path: Path, limits: DatasetLimits | None = None, **options: Any) -> Dataset:
    arguments = {"spec": spec(), "classes": CLASSES, "limits": limits} | options
    return read_images(path, **arguments)


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., Dataset]:
    """Read a zip of these members."""
    return lambda members, **options: _read(write_zip(tmp_path / "set", members), **options)


@pytest.mark.parametrize("write", ARCHIVES.values(), ids=ARCHIVES)
@pytest.mark.parametrize("top", ["", "photos/", "données/2026/" + 120 * "x" + "/"])
def test_every_archive_of_class_folders_is_read(tmp_path: Path, write: Write, top: str) -> None:
    members = list(class_folders(top=top).items())
    random.Random(0).shuffle(members)
    dataset = _read(write(tmp_path / "set", dict(members)))
    expected = np.stack([pixels(seed) for seed in range(6)]).transpose(0, 3, 1, 2)
    assert torch.equal(dataset.images.images, torch.from_numpy(expected))
    assert dataset.images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.report.per_class == {"cat": 2, "dog": 2, "polar bear": 2}
    assert (dataset.report.damaged, dataset.report.ignored, dataset.report.resized) == (0, 0, 0)


def test_what_systems_leave_behind_is_not_even_mentioned(folders: Any) -> None:
    junk = ["__MACOSX/cat/._0.png", "cat/.DS_Store", ".git/x.png", "cat/Thumbs.db", "desktop.ini"]
    dataset = folders(class_folders() | dict.fromkeys(junk, b"junk"))
    assert dataset.report.images == 6
    assert dataset.report.ignored == 0


def test_other_files_are_ignored_and_named(folders: Any) -> None:
    others = ["LICENSE", "cat/notes.txt", "dog/more.zip", "loose.png"]
    dataset = folders(class_folders() | dict.fromkeys(others, b"x"))
    assert dataset.report.images == 6
    assert sorted(dataset.report.ignored_names) == others


def test_a_wrapping_folder_beside_junk_is_understood(folders: Any) -> None:
    dataset = folders(class_folders(top="set/") | {"README.md": b"", "__MACOSX/._set": b""})
    assert dataset.report.images == 6


def test_images_deeper_in_a_class_folder_belong_to_it(folders: Any) -> None:
    dataset = folders(class_folders() | {"dog/2025/old.png": encoded(pixels(9))})
    assert dataset.report.per_class["dog"] == 3


def test_damaged_images_are_named_and_left_out(folders: Any) -> None:
    members = class_folders(10)
    members["dog/3.png"] = members["dog/3.png"][:60]
    members["cat/0.png"] = b"no image"
    dataset = folders(members)
    assert dataset.report.images == 28
    assert dataset.report.damaged == 2
    assert dataset.report.damaged_names == ("cat/0.png", "dog/3.png")


@pytest.mark.parametrize("write", [ARCHIVES["zip"], ARCHIVES["deflated"]])
def test_a_member_that_fails_its_checksum_is_damaged(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "set", class_folders(10))
    content = bytearray(path.read_bytes())
    content[content.index(b"cat/0.png") + 30] ^= 0xFF
    path.write_bytes(content)
    assert _read(path).report.damaged_names == ("cat/0.png",)


def test_too_many_damaged_images_are_no_data_set(folders: Any) -> None:
    members = class_folders(10) | {f"cat/{number}.png": b"no image" for number in range(4)}
    with pytest.raises(DatasetImagesError, match=r"4 of 30 .* more than 10%: cat/0\.png"):
        folders(members)
    assert folders(members, limits=DatasetLimits(max_damaged=0.2)).report.damaged == 4


@pytest.mark.parametrize(
    "members", [{}, {"cat/0.txt": b"x"}, {"cat/0.png": b"x"}, {"0.png": encoded(pixels())}]
)
def test_no_image_is_no_data_set(folders: Any, members: dict[str, bytes]) -> None:
    with pytest.raises(DatasetImagesError, match="no readable image"):
        folders(members)


def test_images_of_another_size_are_resized_and_counted(folders: Any) -> None:
    dataset = folders(class_folders() | {"cat/9.png": encoded(pixels(0, 30, 20))})
    assert dataset.report.resized == 1
    assert dataset.images.shape == (3, 8, 8)


def test_folders_that_are_no_class_are_listed_beside_the_classes(folders: Any) -> None:
    with pytest.raises(DatasetLabelsError, match=r"wolf.*classes are cat, dog, polar bear"):
        folders(class_folders() | {"wolf/0.png": encoded(pixels())})


def test_folders_may_be_indices_on_request(folders: Any) -> None:
    members = {f"{index}/0.png": encoded(pixels(index)) for index in (2, 0)}
    dataset = folders(members, classes=("2", "1", "0"), labels="indices")
    assert dataset.images.labels.tolist() == [0, 2]
    assert folders(members, classes=("2", "1", "0")).images.labels.tolist() == [2, 0]


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read(tmp_path: Path, compressed: bool) -> None:
    images = np.stack([pixels(seed) for seed in range(4)])
    path = write_npz(tmp_path / "set", compressed=compressed, images=images, labels=[2, 0, 1, 0])
    dataset = _read(path)
    assert torch.equal(dataset.images.images, torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    assert dataset.images.labels.tolist() == [2, 0, 1, 0]
    assert dataset.report.source_format == "npz"


@pytest.mark.parametrize("labels", [[[0], [1]], np.array([0, 1], ">i2"), np.array([0, 1], "u1")])
def test_whole_numbers_of_any_kind_are_labels(tmp_path: Path, labels: Any) -> None:
    path = write_npz(tmp_path / "set", images=np.zeros((2, 8, 8, 3), np.uint8), labels=labels)
    assert _read(path).images.labels.tolist() == [0, 1]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_floating_point_images_are_zero_to_one(tmp_path: Path, dtype: str, order: Any) -> None:
    images = np.stack([pixels(seed, channels=1)[..., 0] for seed in range(3)])
    scaled = np.asarray(images / 255, dtype, order=order)
    dataset = _read(write_npz(tmp_path / "set", images=scaled, labels=[0, 1, 2]), spec=spec(1))
    assert torch.equal(dataset.images.images[:, 0], torch.from_numpy(images))


def test_arrays_are_fitted_to_the_model(tmp_path: Path) -> None:
    grey = np.full((2, 5, 7), 200, np.uint8)
    dataset = _read(write_npz(tmp_path / "set", images=grey, labels=[0, 1]))
    assert dataset.images.images.shape == (2, 3, 8, 8)
    assert (dataset.images.images == 200).all()
    assert dataset.report.resized == 2


def test_arrays_of_many_channels_are_taken_as_they_are(tmp_path: Path) -> None:
    images = np.stack([pixels(seed, channels=6) for seed in range(2)])
    path = write_npz(tmp_path / "set", images=images, labels=[0, 1])
    assert _read(path, spec=spec(6)).images.shape == (6, 8, 8)
    with pytest.raises(DatasetFormatError, match="6 channels"):
        _read(path)


@pytest.mark.parametrize(
    ("arrays", "error", "word"),
    [
        ({"labels": [0, 3]}, DatasetLabelsError, "label 3 .* 0 to 2"),
        ({"labels": [-1, 0]}, DatasetLabelsError, "label -1"),
        ({"labels": [0, 1, 2]}, DatasetLabelsError, "3 labels for 2 images"),
        ({"labels": [0.0, 1.0]}, DatasetLabelsError, "whole numbers"),
        ({"labels": ["cat", "dog"]}, DatasetFormatError, "plain numbers"),
        ({"images": np.zeros((2, 3, 8, 8))}, DatasetFormatError, "8 channels"),
        ({"images": np.zeros((2, 3, 20, 20))}, DatasetImagesError, "channels come last"),
        ({"images": np.zeros((2, 8))}, DatasetImagesError, "shape"),
        ({"images": np.zeros((0, 8, 8)), "labels": []}, DatasetLabelsError, "whole numbers"),
        ({"images": np.zeros((0, 8, 8)), "labels": [[0]][:0]}, DatasetLabelsError, "whole"),
        ({"images": np.full((2, 8, 8), 16.0)}, DatasetImagesError, "between 0 and 1"),
        ({"images": np.full((2, 8, 8), np.nan)}, DatasetImagesError, "between 0 and 1"),
        ({"images": np.full((2, 8, 8), 1, np.int32)}, DatasetImagesError, "int32"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(
    tmp_path: Path, arrays: dict[str, Any], error: type[Exception], word: str
) -> None:
    good = {"images": np.zeros((2, 8, 8, 3), np.uint8), "labels": [0, 1]}
    with pytest.raises(error, match=word):
        _read(write_npz(tmp_path / "set", **(good | arrays)))


def test_an_npz_without_labels_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(DatasetFormatError, match=r"x\.npy, y\.npy; it needs images and labels"):
        _read(write_npz(tmp_path / "set", x=np.zeros(1), y=np.zeros(1)))


@pytest.mark.parametrize("limit", ["max_entries", "max_entry_bytes", "max_total_bytes"])
@pytest.mark.parametrize("write", [ARCHIVES["zip"], ARCHIVES["tar"], ARCHIVES["gz"]])
def test_every_limit_is_held(tmp_path: Path, write: Write, limit: str) -> None:
    path = write(tmp_path / "set", class_folders())
    with pytest.raises(DatasetFormatError):
        _read(path, DatasetLimits(**{limit: 5}))


def test_the_decoded_images_are_limited_too(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set", class_folders())
    _read(path, DatasetLimits(max_decoded_bytes=6 * 192))
    with pytest.raises(DatasetFormatError, match="more than the 5 images"):
        _read(path, DatasetLimits(max_decoded_bytes=6 * 192 - 1))
