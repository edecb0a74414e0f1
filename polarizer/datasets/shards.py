"""Several files of one data set in a zip: the shards of a Parquet or WebDataset data set."""

from __future__ import annotations

from collections.abc import Iterator
from zipfile import ZipFile, ZipInfo

from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.paths import is_image, is_junk, path_parts
from polarizer.datasets.zip_archive import read_member
from polarizer.errors import DatasetFormatError
from polarizer.listing import shown

PARQUET, TAR = ".parquet", ".tar"


def shards_of(archive: ZipFile) -> dict[str, list[ZipInfo]]:
    """The members with one of these suffixes, by suffix and in the order of their names; none where
    images lie in the archive themselves."""
    found: dict[str, list[ZipInfo]] = {PARQUET: [], TAR: []}
    for info in archive.infolist():
        path = path_parts(info.filename)
        if is_junk(path):
            continue
        if is_image(path):
            return {}
        for suffix, members in found.items():
            if path[-1].lower().endswith(suffix):
                members.append(info)
    return {
        suffix: sorted(members, key=lambda info: info.filename)
        for suffix, members in found.items()
        if members
    }


def contents(
    archive: ZipFile, shards: list[ZipInfo], limits: DatasetLimits
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one after the other. Raises :class:`DatasetFormatError`."""
    for info in shards:
        if info.file_size > limits.max_shard_bytes:
            raise DatasetFormatError(
                f"{shown(info.filename)} has {info.file_size:,} bytes; of several files in a zip"
                f" each may have {limits.max_shard_bytes:,}"
            )
        content = read_member(archive, info)
        if content is None:
            raise DatasetFormatError(f"{shown(info.filename)} is damaged within the zip")
        yield info.filename, content
