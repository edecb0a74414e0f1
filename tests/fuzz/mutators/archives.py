"""Zips, tars, and tars packed by gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from tests.fuzz.mutators.anywhere import NAMES, NUMBERS, Mutator, anywhere

LARGEST = 4 << 20
"""Bytes of what is taken apart: a bomb is changed as it is."""


def zipped(inner: Mutator) -> Mutator:
    """A zip whose members are changed by ``inner``, renamed, doubled or dropped."""

    def mutate(rng: Random, data: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                infos = archive.infolist()
                if sum(info.file_size for info in infos) > LARGEST:
                    return anywhere(rng, data)
                members = [(info.filename, archive.read(info)) for info in infos]
        except Exception:  # noqa: BLE001 - what cannot be taken apart
            return anywhere(rng, data)
        return _zip_directory(rng, _packed(rng, _members(rng, members, inner)))

    return mutate


def _members(
    rng: Random, members: list[tuple[str, bytes]], inner: Mutator
) -> list[tuple[str, bytes]]:
    for _ in range(rng.randint(1, 2)):
        if not members:
            break
        place = rng.randrange(len(members))
        name, content = members[place]
        way = rng.randrange(6)
        if way == 0:
            members[place] = (rng.choice(NAMES), content)
        elif way == 1:
            members.append((name, content))
        elif way == 2:
            del members[place]
        else:
            members[place] = (name, inner(rng, content))
    return members


def _packed(rng: Random, members: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            if rng.random() < 0.05:
                info.external_attr = rng.choice((0o120777, 0o020666, 0o040755, 0o010666)) << 16
            kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            archive.writestr(info, content, kind)
            archive.NameToInfo.clear()  # or a name could not come twice
    return file.getvalue()


_ENTRY_FIELDS = (6, 8, 10, 16, 20, 24, 28, 30, 32, 34, 38, 42)


def _zip_directory(rng: Random, data: bytes) -> bytes:
    """Sometimes a field of the directory lies."""
    places = [match.start() for match in re.finditer(b"PK\x01\x02", data)]
    if not places or rng.random() < 0.6:
        return data
    place = rng.choice(places) + rng.choice(_ENTRY_FIELDS)
    value = rng.choice(NUMBERS) % 2**32
    size = rng.choice((2, 4))
    return data[:place] + (value % 2 ** (8 * size)).to_bytes(size, "little") + data[place + size :]


def tarred(inner: Mutator) -> Mutator:
    """A tar whose members are changed as those of a zip, and whose headers lie with a checksum."""

    def mutate(rng: Random, data: bytes) -> bytes:
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                members = [
                    (member.name, archive.extractfile(member).read())  # type: ignore[union-attr]
                    for member in archive.getmembers()
                    if member.isfile()
                ]
        except Exception:  # noqa: BLE001 - what cannot be taken apart
            return anywhere(rng, data)
        file = io.BytesIO()
        form = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
        try:
            with tarfile.open(fileobj=file, mode="w", format=form) as archive:
                for name, content in _members(rng, members, inner):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        except ValueError:  # a name that this form cannot hold
            return anywhere(rng, data)
        return _tar_header(rng, file.getvalue())

    return mutate


_TAR_FIELDS = ((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155))


def _tar_header(rng: Random, data: bytes) -> bytes:
    if rng.random() < 0.5 or len(data) < 1024:
        return data
    start = 512 * rng.randrange(len(data) // 512)
    header = bytearray(data[start : start + 512])
    place, size = rng.choice(_TAR_FIELDS)
    filler = (
        b"%o" % (rng.choice(NUMBERS) % 2**33),
        b"\x80" + (rng.choice(NUMBERS) % 2**64).to_bytes(11, "big"),
        rng.choice(NAMES).encode("utf-8", "replace"),
        bytes([rng.choice(b"0123457xgLKSDMNVIA\0")]),
        bytes(rng.randrange(256) for _ in range(size)),
    )
    header[place : place + size] = rng.choice(filler)[:size].ljust(size, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:start] + bytes(header) + data[start + 512 :]


def _unpacked(opened: io.BufferedIOBase) -> bytes:
    with opened:
        return opened.read(LARGEST)


_OPENERS: tuple[Callable[[io.BytesIO], io.BufferedIOBase], ...] = (
    lambda file: gzip.GzipFile(fileobj=file),
    bz2.BZ2File,
    lzma.LZMAFile,
)
_PACKERS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: bz2.compress(data, 1),
    lambda data: lzma.compress(data, preset=0),
)


def compressed(inner: Mutator) -> Mutator:
    """What is packed by gzip, bzip2 or xz, changed inside."""

    def mutate(rng: Random, data: bytes) -> bytes:
        for opener, pack in zip(_OPENERS, _PACKERS, strict=True):
            try:
                return pack(inner(rng, _unpacked(opener(io.BytesIO(data)))))
            except (OSError, EOFError, lzma.LZMAError, ValueError, zlib.error):
                continue
        return anywhere(rng, data)

    return mutate
