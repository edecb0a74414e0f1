"""Members of a tar archive, read as a stream, in memory and within limits.

The standard library's reader follows whatever sizes the headers of extended names and sparse files
give, so the blocks are walked here; only the parsing of one 512-byte header is the library's.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn

from polarizer.datasets.decompression import Unpacked
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.paths import path_parts
from polarizer.errors import DatasetFormatError
from polarizer.listing import shown

_BLOCK = 512
_LONGEST_EXTENSION = 64 * 1024
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EXTENSIONS = (
    *(tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


def tar_members(
    file: BinaryIO,
    packed: int,
    limits: DatasetLimits,
    wanted: Callable[[tuple[str, ...]], bool],
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """``(path, content)`` of the files that are wanted, in the order of the archive.

    Raises :class:`DatasetFormatError` for damage, limits, links, devices, and names that point
    outside.
    """
    stream = Unpacked(file, limits.unpacked(packed))
    for count, (name, size, is_file) in enumerate(_headers(stream)):
        parts = path_parts(name)
        if count >= limits.max_entries:
            raise DatasetFormatError(f"the archive has more than {limits.max_entries:,} entries")
        if not is_file or not wanted(parts):
            stream.skip(_padded(size))
            continue
        if size > limits.max_entry_bytes:
            raise DatasetFormatError(
                f"{shown(name)} has {size:,} bytes, at most {limits.max_entry_bytes:,} are read"
            )
        yield parts, stream.read(size)
        stream.skip(_padded(size) - size)


def _headers(stream: Unpacked) -> Iterator[tuple[str, int, bool]]:
    """``(name, size, is a file)`` of every member; the caller takes its content off the stream."""
    extended: dict[str, str] = {}
    while (block := stream.read(_BLOCK, may_end=True)).strip(b"\0"):
        header = _header(block)
        if header.type in _EXTENSIONS:
            extended |= _extension(stream, header)
            continue
        name = extended.get("path", header.name)
        if header.type not in (*_FILES, tarfile.DIRTYPE) or "GNU.sparse.major" in extended:
            raise DatasetFormatError(
                f"the archive holds {shown(name)!r}, a link, device or sparse file; "
                "pack plain files only"
            )
        is_file = header.type in _FILES
        yield name, _size(extended.get("size", header.size)) if is_file else 0, is_file
        extended = {}


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        _damaged(str(error), error)


def _extension(stream: Unpacked, header: tarfile.TarInfo) -> dict[str, str]:
    size = _size(header.size)
    if size > _LONGEST_EXTENSION:
        _damaged(f"an extended header of {size:,} bytes")
    content = stream.read(_padded(size))[:size]
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if header.type in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
        return {}
    return _pax_records(content)


def _pax_records(content: bytes) -> dict[str, str]:
    """``b"12 path=cat\\n"`` → ``{"path": "cat"}``; the number counts the whole record."""
    records: dict[str, str] = {}
    while content.strip(b"\0"):
        digits = content.partition(b" ")[0]
        length = int(digits) if digits.isdigit() and len(digits) < 6 else 0
        record, content = content[:length], content[length:]
        if len(record) != length or not record.endswith(b"\n"):
            _damaged("an extended header that is not one")
        key, _, value = record[len(digits) + 1 : -1].partition(b"=")
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    return records


def _size(size: int | str) -> int:
    if isinstance(size, str):
        size = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else -1
    if size < 0:
        _damaged("a member of negative size")
    return size


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _damaged(what: str, cause: Exception | None = None) -> NoReturn:
    raise DatasetFormatError(f"the tar archive is damaged: {shown(what)}") from cause
