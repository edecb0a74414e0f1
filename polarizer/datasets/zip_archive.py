"""Members of a zip archive, read in memory and within limits."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.paths import path_parts
from polarizer.errors import DatasetFormatError
from polarizer.listing import shown
from polarizer.zips import ZIP_ERRORS, open_zip

_ASIDE = 16  # bits above which a zip keeps the Unix mode


def open_dataset_zip(file: BinaryIO, packed: int, limits: DatasetLimits) -> ZipFile:
    """The archive, when everything that its directory promises is within the limits."""
    archive = open_zip(file, max_entries=limits.max_entries, error=DatasetFormatError)
    for info in archive.infolist():
        path_parts(info.filename)
        mode = info.external_attr >> _ASIDE
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DatasetFormatError(
                f"the archive holds {shown(info.filename)!r}, a link or device"
            )
    total, allowed = sum(info.file_size for info in archive.infolist()), limits.unpacked(packed)
    if total > allowed:
        raise DatasetFormatError(
            f"the archive of {packed:,} bytes unpacks to {total:,}; at most {allowed:,} are read"
        )
    return archive


def zip_members(
    archive: ZipFile, limits: DatasetLimits, wanted: Callable[[tuple[str, ...]], bool]
) -> Iterator[tuple[tuple[str, ...], bytes | None]]:
    """``(path, content)`` of the files that are wanted; no content for a damaged one."""
    for info in archive.infolist():
        parts = path_parts(info.filename)
        if info.is_dir() or not wanted(parts):
            continue
        if info.file_size > limits.max_entry_bytes:
            raise DatasetFormatError(
                f"{shown(info.filename)} has {info.file_size:,} bytes, "
                f"at most {limits.max_entry_bytes:,} are read"
            )
        yield parts, read_member(archive, info)


def read_member(archive: ZipFile, info: ZipInfo) -> bytes | None:
    """The content, never longer than its directory entry says; none when it is damaged."""
    try:
        with archive.open(info) as member:
            content = member.read(info.file_size + 1)
    except ZIP_ERRORS:
        return None
    return content if len(content) == info.file_size else None
