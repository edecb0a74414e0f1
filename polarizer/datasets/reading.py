"""Reading a data set of labelled images, in any of the formats that are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from polarizer.datasets.decompression import COMPRESSED
from polarizer.datasets.folders import FolderImages, Members
from polarizer.datasets.labels import Labels, check_range
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.npy import MAGIC as NPY_MAGIC
from polarizer.datasets.npz import fit_arrays, is_npz, read_npz
from polarizer.datasets.report import DatasetReport
from polarizer.datasets.tar_archive import tar_members
from polarizer.datasets.zip_archive import open_dataset_zip, zip_members
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError
from polarizer.images import LabelledImages
from polarizer.zips import ZIP_MAGIC

_SEND = (
    "Send a zip or tar archive with one folder a class, "
    "or an .npz written by numpy.savez(path, images=images, labels=labels)"
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
        if head.startswith(COMPRESSED) or head[257:262] == b"ustar":
            folders = FolderImages(self.spec, self.limits)
            members = tar_members(self.file, self.packed, self.limits, folders.wanted)
            return self._folders("tar", folders, members)
        what = "a single NumPy array" if head.startswith(NPY_MAGIC) else "in no known format"
        raise DatasetFormatError(f"the data set is {what if head else 'an empty file'}. {_SEND}")

    def _zip(self) -> Dataset:
        with open_dataset_zip(self.file, self.packed, self.limits) as archive:
            if is_npz(archive):
                return self._arrays(*read_npz(archive, self.limits))
            folders = FolderImages(self.spec, self.limits)
            members = zip_members(archive, self.limits, folders.wanted)
            return self._folders("zip", folders, members)

    def _folders(self, source_format: str, folders: FolderImages, members: Members) -> Dataset:
        folders.add_all(members)
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
