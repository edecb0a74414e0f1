"""Opening a zip that a stranger wrote: its directory is bounded and checked before it is used."""

from __future__ import annotations

import struct
import zlib
from io import SEEK_END
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from polarizer.errors import PolarizerError
from polarizer.listing import shown

ZIP_MAGIC = b"PK\x03\x04"

ZIP_ERRORS = (
    *(BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError),
    *(RuntimeError, OverflowError, IndexError, KeyError),
)
"""What :mod:`zipfile` raises on damaged files."""

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_MAGIC = b"PK\x06\x06"
_LONGEST_COMMENT = 65_535
_DIRECTORY_BYTES_PER_ENTRY = 1024  # an entry takes 46, its name, and a few extra fields
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1


def open_zip(file: BinaryIO, *, max_entries: int, error: type[PolarizerError]) -> ZipFile:
    """The archive in ``file``, with a directory that fits the file.

    Raises ``error`` when it is damaged, has more than ``max_entries`` entries, encrypted ones,
    compression other than deflate, or entries that overlap (as in zip bombs).
    """
    size = file.seek(0, SEEK_END)
    try:
        _check_directory_size(file, size, max_entries, error)
        archive = ZipFile(file)
    except ZIP_ERRORS as cause:
        raise error(f"the zip archive is damaged: {shown(str(cause))}") from cause
    _check_entries(archive.infolist(), size, max_entries, error)
    return archive


def _check_directory_size(
    file: BinaryIO, size: int, max_entries: int, error: type[PolarizerError]
) -> None:
    start = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR.size)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(_END_MAGIC)
    if place < 0:
        raise BadZipFile("its end is missing; the file is truncated")
    _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, place)
    counts = [(entries, directory), *_zip64_counts(file, tail, place)]
    for count, length in counts:
        too_long = length > max_entries * _DIRECTORY_BYTES_PER_ENTRY and length != 0xFFFF_FFFF
        if (count > max_entries and count != 0xFFFF) or too_long:
            raise error(f"the zip archive has more than {max_entries:,} entries")


def _zip64_counts(file: BinaryIO, tail: bytes, place: int) -> list[tuple[int, int]]:
    if place < _LOCATOR.size:
        return []
    magic, _, offset, _ = _LOCATOR.unpack_from(tail, place - _LOCATOR.size)
    if magic != _LOCATOR_MAGIC:
        return []
    file.seek(offset)
    record = file.read(_END_64.size)
    if len(record) < _END_64.size or not record.startswith(_END_64_MAGIC):
        raise BadZipFile("its zip64 end record is missing")
    *_, entries, directory, _ = _END_64.unpack(record)
    return [(entries, directory)]


def _check_entries(
    infos: list[ZipInfo], size: int, max_entries: int, error: type[PolarizerError]
) -> None:
    if len(infos) > max_entries:
        raise error(f"the zip archive has more than {max_entries:,} entries")
    free_from = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = shown(info.filename)
        if not name:
            raise error("the zip archive is damaged: an entry has no name")
        if info.flag_bits & _ENCRYPTED:
            raise error(f"{name} is encrypted; send the archive without a password")
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise error(f"{name} is compressed in an unusual way; use deflate or store")
        if info.compress_type == ZIP_STORED and info.compress_size != info.file_size:
            raise error(f"the zip archive is damaged: two sizes for {name}")
        if info.header_offset < free_from:
            raise error(f"the zip archive is damaged: {name} overlaps another entry")
        free_from = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
    if free_from > size:
        raise error("the zip archive is damaged: its entries reach beyond the end of the file")
