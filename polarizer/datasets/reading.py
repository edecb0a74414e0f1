"""Reading a data set of labelled images, in any of the formats that are known."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np
import torch
from numpy.typing import NDArray

from polarizer.datasets.decompression import COMPRESSED
from polarizer.datasets.folders import FolderImages
from polarizer.datasets.labels import Labels, check_range
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.npy import MAGIC as NPY_MAGIC
from polarizer.datasets.npz import fit_arrays, is_npz, read_npz
from polarizer.datasets.parquet import MAGIC, read_parquet
from polarizer.datasets.report import DatasetReport
from polarizer.datasets.shards import PARQUET, contents, shards_of
from polarizer.datasets.tar_archive import tar_members
from polarizer.datasets.webdataset import labelled, may_belong, recognise
from polarizer.datasets.zip_archive import open_dataset_zip, zip_members
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError
from polarizer.images import LabelledImages
from polarizer.listing import shown
from polarizer.zips import ZIP_MAGIC

_SEND = (
    "Send a zip or tar archive with one folder a class, a WebDataset tar, a Parquet file of "
    "images, or an .npz written by numpy.savez(path, images=images, labels=labels)"
)
_EMPTY_ZIP = b"PK\x05\x06"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images at the model's size, and what was found in the file."""

    images: LabelledImages
    report: DatasetReport


def read_images(
    path: Path,
    *,
    spec: InputSpec,
    classes: tuple[str, ...],
    limits: DatasetLimits | None = None,
    labels: Labels = "names",
) -> Dataset:
    """The labelled images in the file at ``path``: clean ones, test images, or triggered ones.

    Nothing is unpacked to disk or unpickled. The order does not depend on that of the archive.
    Raises :class:`DatasetFormatError` for other formats, limits and hostile archives,
    :class:`DatasetImagesError` when too many images are damaged or none is left, and
    :class:`DatasetLabelsError` for labels that the model does not have.
    """
    limits = limits or DatasetLimits()
    packed = path.stat().st_size
    if packed > limits.max_total_bytes:
        raise DatasetFormatError(
            f"the data set has {packed:,} bytes; at most {limits.max_total_bytes:,} are read"
        )
    with path.open("rb") as file:
        return _Reader(file, packed, spec, classes, limits, labels).read()


@dataclass(frozen=True)
class _Reader:
    """One file, and what the model wants of it."""

    file: BinaryIO
    packed: int
    spec: InputSpec
    classes: tuple[str, ...]
    limits: DatasetLimits
    labels: Labels

    def read(self) -> Dataset:
        head = self.file.read(512)
        if head.startswith((ZIP_MAGIC, _EMPTY_ZIP)):
            return self._zip()
        folders = FolderImages(self.spec, self.limits)
        if head.startswith(MAGIC):
            self._add_parquet(folders, self.file, self.packed)
            return self._dataset("parquet", folders)
        if head.startswith(COMPRESSED) or head[257:262] == b"ustar":
            is_webdataset = self._add_tar(folders, self.file, self.packed)
            return self._dataset("webdataset" if is_webdataset else "tar", folders)
        what = "a single NumPy array" if head.startswith(NPY_MAGIC) else "in no known format"
        raise DatasetFormatError(f"the data set is {what if head else 'an empty file'}. {_SEND}")

    def _zip(self) -> Dataset:
        with open_dataset_zip(self.file, self.packed, self.limits) as archive:
            if is_npz(archive):
                return self._arrays(*read_npz(archive, self.limits))
            folders = FolderImages(self.spec, self.limits)
            if shards := shards_of(archive):
                return self._shards(archive, folders, *next(iter(shards.items())))
            folders.add_all(zip_members(archive, self.limits, folders.wanted))
            return self._dataset("zip", folders)

    def _shards(
        self, archive: ZipFile, folders: FolderImages, suffix: str, shards: list[ZipInfo]
    ) -> Dataset:
        for name, content in contents(archive, shards, self.limits):
            file, size, before = BytesIO(content), len(content), f"{name}/"
            if suffix == PARQUET:
                self._add_parquet(folders, file, size, before)
            elif not self._add_tar(folders, file, size, before):
                raise DatasetFormatError(
                    f"{shown(name)} in the zip is no WebDataset; pack class folders directly"
                )
        return self._dataset("parquet" if suffix == PARQUET else "webdataset", folders)

    def _add_parquet(
        self, folders: FolderImages, file: BinaryIO, size: int, before: str = ""
    ) -> None:
        rows = read_parquet(file, size, self.limits, self.classes, names=self.labels == "names")
        folders.add_all(
            ((row.label, f"{before}{place:09}"), row.content) for place, row in enumerate(rows)
        )

    def _add_tar(self, folders: FolderImages, file: BinaryIO, size: int, before: str = "") -> bool:
        """Whether it was a WebDataset."""

        def wanted(path: tuple[str, ...]) -> bool:
            return may_belong(path) or folders.wanted(path)

        found, members = recognise(tar_members(file, size, self.limits, wanted))
        if found:
            folders.add_all(
                ((label, before + name), content) for (label, name), content in labelled(members)
            )
        elif not before:
            folders.add_all(item for item in members if folders.wanted(item[0]))
        return found

    def _dataset(self, source_format: str, folders: FolderImages) -> Dataset:
        pixels, indices = folders.labelled(self.classes, self.labels)
        report = DatasetReport(
            source_format=source_format,
            images=len(pixels),
            per_class=_per_class(indices, self.classes),
            resized=folders.resized,
            damaged=folders.damaged.count,
            damaged_names=tuple(folders.damaged.names),
            ignored=folders.ignored.count,
            ignored_names=tuple(folders.ignored.names),
        )
        return _dataset(pixels, indices, report)

    def _arrays(self, images: NDArray[np.uint8], indices: NDArray[np.int64]) -> Dataset:
        check_range(indices, self.classes)
        pixels, resized = fit_arrays(images, self.spec, self.limits)
        report = DatasetReport("npz", len(pixels), _per_class(indices, self.classes), resized)
        return _dataset(pixels, indices, report)


def _per_class(indices: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(indices, minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts, strict=True) if count}


def _dataset(
    pixels: NDArray[np.uint8], indices: NDArray[np.int64], report: DatasetReport
) -> Dataset:
    images = LabelledImages(torch.tensor(pixels), torch.from_numpy(indices))
    return Dataset(images, report)
