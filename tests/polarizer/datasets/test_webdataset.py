"""Tars of samples, as WebDataset writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polarizer.datasets import Dataset, read_images
from polarizer.errors import DatasetFormatError, DatasetLabelsError
from tests.polarizer.archives import (
    CLASSES,
    class_folders,
    encoded,
    pixels,
    spec,
    write_tar,
    write_zip,
)

IMAGES = [encoded(pixels(seed)) for seed in range(6)]
LABELS = [0, 1, 2, 2, 1, 0]


def samples(top: str = "", end: str = "cls", first: str = "image") -> dict[str, bytes]:
    """``top``: before every name; ``end``: of the label; ``first``: of the two."""
    found: dict[str, bytes] = {}
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        text = f'{{"label": {label}, "more": [1]}}' if end == "json" else f"{label}\n"
        pair = [(f"{top}{number:04}.png", image), (f"{top}{number:04}.{end}", text.encode())]
        found |= dict(pair if first == "image" else pair[::-1])
    return found


def read(path: Path, members: dict[str, bytes], kind: str = "", **options: Any) -> Dataset:
    return read_images(write_tar(path, members, kind), spec=spec(), classes=CLASSES, **options)


def require_all(dataset: Dataset) -> None:
    expected = np.stack([pixels(seed) for seed in (0, 5, 1, 4, 2, 3)]).transpose(0, 3, 1, 2)
    assert torch.equal(dataset.images.images, torch.from_numpy(expected))
    assert dataset.images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.report.source_format == "webdataset"


@pytest.mark.parametrize("kind", ["", "gz"])
@pytest.mark.parametrize("end", ["cls", "json"])
@pytest.mark.parametrize("first", ["image", "label"])
@pytest.mark.parametrize("top", ["", "./train/"], ids=["flat", "below"])
def test_samples_are_read(tmp_path: Path, kind: str, end: str, first: str, top: str) -> None:
    require_all(read(tmp_path / "set", samples(top, end, first), kind))


def test_classes_by_name(tmp_path: Path) -> None:
    members = samples()
    for name in members:
        if name.endswith(".cls"):
            members[name] = ("cat", "Dog", "polar-bear")[int(members[name])].encode()
    dataset = read(tmp_path / "set", members)
    assert dataset.images.labels.tolist() == [1, 1, 0, 0, 2, 2]


def test_other_files_of_a_sample_are_ignored_and_named(tmp_path: Path) -> None:
    members = samples() | {"0005.txt": b"a caption", "README.md": b"x"}
    dataset = read(tmp_path / "set", members)
    require_all(dataset)
    assert sorted(dataset.report.ignored_names) == ["0005.txt", "README.md"]


def test_several_shards_in_a_zip(tmp_path: Path) -> None:
    members = list(samples().items())
    shards = {}
    for number in range(3):
        path = write_tar(tmp_path / "shard", dict(members[4 * number : 4 * number + 4]))
        shards[f"shards/{number:06}.tar"] = path.read_bytes()
    path = write_zip(tmp_path / "set", shards)
    require_all(read_images(path, spec=spec(), classes=CLASSES))


def test_tars_of_class_folders_in_a_zip_are_refused(tmp_path: Path) -> None:
    inner = write_tar(tmp_path / "inner", class_folders()).read_bytes()
    path = write_zip(tmp_path / "set", {"a.tar": inner})
    with pytest.raises(DatasetFormatError, match="no WebDataset"):
        read_images(path, spec=spec(), classes=CLASSES)


def test_images_beside_archives_are_class_folders(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set", class_folders() | {"more.tar": b"x", "x.parquet": b"x"})
    dataset = read_images(path, spec=spec(), classes=CLASSES)
    assert dataset.report.source_format == "zip"
    assert sorted(dataset.report.ignored_names) == ["more.tar", "x.parquet"]


@pytest.mark.parametrize(
    "label",
    [None, b"", b'{"other": 1}', b"{", b"[" * 50_000, b'{"label": true}'],
    ids=["none", "empty", "other", "damaged", "deep", "boolean"],
)
def test_an_image_without_a_class_is_named(tmp_path: Path, label: bytes | None) -> None:
    members = samples(end="json")
    members.pop("0003.json")
    if label is not None:
        members = {
            name: content
            for key, image in samples(end="json").items()
            for name, content in ((key, label if key == "0003.json" else image),)
        }
    with pytest.raises(DatasetLabelsError, match=r"0003.png has no class"):
        read(tmp_path / "set", members)


@pytest.mark.parametrize(
    "label", [b"3", b"-1", b"zebra", b"x" * 100_000], ids=["high", "low", "name", "long"]
)
def test_a_class_that_the_model_lacks(tmp_path: Path, label: bytes) -> None:
    with pytest.raises(DatasetLabelsError):
        read(tmp_path / "set", samples() | {"0000.cls": label})


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    members = samples() | {"0000.x.png": IMAGES[0], "./0000.x.png": IMAGES[0]}
    ordered = dict(sorted(members.items(), key=lambda item: item[0].lstrip("./")))
    with pytest.raises(DatasetFormatError, match="twice"):
        read(tmp_path / "set", ordered)
