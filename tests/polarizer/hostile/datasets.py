"""Data sets that attack whoever opens them, or are simply not what was asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.polarizer.archives import class_folders, encoded, pixels
from tests.polarizer.datasets import parquet_file
from tests.polarizer.hostile.pickles import Payload, zipped

Make = Callable[[Path], bytes]

_PNG = encoded(pixels())
_MEGABYTE = 2**20


def _zip_beside_images(name: str, content: bytes = _PNG, mode: int = 0) -> Make:
    """A good data set with one member more."""

    def make(_: Path) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for good, image in class_folders().items():
                archive.writestr(good, image)
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
        return file.getvalue()

    return make


def _tar_beside_images(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Make:
    def make(_: Path) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for good, image in class_folders().items():
                _add(archive, good, image)
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member)
        return file.getvalue()

    return make


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _tar_header(kind: bytes, size: int, name: str = "cat/0.png", more: bytes = b"") -> bytes:
    """One header that promises ``size`` bytes, and ``more`` behind it."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + more


def _pax(record: bytes) -> bytes:
    padding = bytes(-len(record) % 512)
    return _tar_header(tarfile.XHDTYPE, len(record), "pax", record + padding)


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header promises this size."""
    header = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _deflated(members: dict[str, bytes]) -> bytes:
    return zipped(members, zipfile.ZIP_DEFLATED)


def _zip_bomb(_: Path) -> bytes:
    """Two hundred members of a megabyte of zeros, in about 200 kB."""
    return _deflated({f"cat/{number}.png": bytes(_MEGABYTE) for number in range(200)})


def _overlapping_bomb(_: Path) -> bytes:
    """A thousand directory entries that all unpack the same member."""
    content = _deflated({"cat/0.png": bytes(_MEGABYTE)})
    directory = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[directory:end]
    entries = b"".join(entry.replace(b"cat/0.png", b"cat/%05d" % n) for n in range(1000))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entries), directory, 0)
    return content[:directory] + entries + tail


def _lying_member(_: Path) -> bytes:
    """A member that unpacks to more than its directory entry says."""
    content = bytearray(_deflated({"cat/0.png": bytes(_MEGABYTE)}))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<L", 100)
    return bytes(content)


def _tar_bomb(compress: Callable[[bytes], bytes]) -> Make:
    """A hundred megabytes of zeros."""
    return lambda _: (
        compress(_tar_header(tarfile.REGTYPE, 100 * _MEGABYTE)) + compress(bytes(100 * _MEGABYTE))
    )


def _npz(**arrays: bytes) -> bytes:
    return zipped({f"{name}.npy": content for name, content in arrays.items()})


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data


_LABELS = _npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", bytes(8))


def _images(descr: str, shape: str, data: bytes = b"") -> Make:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"
    return lambda _: _npz(images=_npy(header, data), labels=_LABELS)


def _pickled_array(marker: Path) -> bytes:
    file = io.BytesIO()
    np.savez(file, images=np.array([Payload(marker)], dtype=object), labels=np.zeros(1, int))
    return file.getvalue()


def _npz_bomb(_: Path) -> bytes:
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3200, 256, 256)}"
    images = _npy(header, bytes(200 * _MEGABYTE))
    return _deflated({"images.npy": images, "labels.npy": _LABELS})


def _xz_dictionary(_: Path) -> bytes:
    """A stream whose first block (header: bytes 12 to 24) asks for a dictionary of 1.5 GB."""
    content = bytearray(lzma.compress(bytes(10_000)))
    content[16] = 37  # (2 | 1) << (37 // 2 + 11)
    content[20:24] = struct.pack("<L", zlib.crc32(content[12:20]))
    return bytes(content)


def _bitmap(width: int, height: int) -> bytes:
    """A bitmap whose header promises this size."""
    header = struct.pack("<L2l2H6L", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<L2HL", 54, 0, 0, 54) + header


PATHS: dict[str, Make] = {
    "a way up": _zip_beside_images("../outside.png"),
    "a way up from a class": _zip_beside_images("cat/../../outside.png"),
    "a way up with backslashes": _zip_beside_images("cat\\..\\..\\outside.png"),
    "an absolute name": _zip_beside_images("/etc/cron.d/outside.png"),
    "a drive": _zip_beside_images("C:\\outside.png"),
    "a network share": _zip_beside_images("\\\\server\\share.png"),
    "a symbolic link": _zip_beside_images("cat/9.png", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "a device in a zip": _zip_beside_images("cat/9.png", b"", stat.S_IFCHR | 0o777),
    "folders without end": _zip_beside_images("a/" * 5000 + "9.png"),
    "a way up in a tar": _tar_beside_images("../outside.png"),
    "an absolute name in a tar": _tar_beside_images("/etc/cron.d/outside.png"),
    "a symbolic link in a tar": _tar_beside_images("cat/9.png", tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": _tar_beside_images("cat/9.png", tarfile.LNKTYPE, "/etc/passwd"),
    "a device": _tar_beside_images("cat/9.png", tarfile.CHRTYPE),
    "a pipe": _tar_beside_images("cat/9.png", tarfile.FIFOTYPE),
    "a name hidden in an extended header": lambda _: (
        _pax(b"23 path=../outside.png\n") + _tar_header(tarfile.REGTYPE, 0)
    ),
}

MEMORY: dict[str, Make] = {
    "a zip bomb": _zip_bomb,
    "a zip bomb of overlaps": _overlapping_bomb,
    "a member that grows": _lying_member,
    "a bomb in gzip": _tar_bomb(gzip.compress),
    "a bomb in bzip2": _tar_bomb(bz2.compress),
    "a bomb in xz": _tar_bomb(lambda data: lzma.compress(data, preset=0)),
    "a dictionary of 1.5 GB": _xz_dictionary,
    "a tar of 8 exabytes": lambda _: _tar_header(tarfile.REGTYPE, 2**63 - 1),
    "a tar of negative size": lambda _: _tar_header(tarfile.REGTYPE, -(2**40)),
    "an extended header of 8 GB": lambda _: _tar_header(tarfile.XHDTYPE, 2**33, "pax"),
    "a name of 8 GB": lambda _: _tar_header(tarfile.GNUTYPE_LONGNAME, 2**33, "long"),
    "a size that is no number": lambda _: _pax(b"13 size=-9999\n") + _tar_header(b"0", 0),
    "an extended header that is none": lambda _: _pax(b"99999 path=x\n"),
    "a sparse file": lambda _: _tar_header(tarfile.GNUTYPE_SPARSE, 2**33),
    "a sparse file by extension": lambda _: _pax(b"22 GNU.sparse.major=1\n") + _tar_header(b"0", 0),
    "a picture of 20,000 x 20,000": _zip_beside_images("cat/9.png", _png(20_000, 20_000)),
    "a picture of 2 billion x 2 billion": _zip_beside_images(
        "cat/9.png", _png(2**31 - 1, 2**31 - 1)
    ),
    "a GIF of 65,535 x 65,535": _zip_beside_images(
        "cat/9.gif", b"GIF89a\xff\xff\xff\xff\0\0\0" + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
    ),
    "a bitmap of 60,000 x 60,000": _zip_beside_images("cat/9.bmp", _bitmap(60_000, 60_000)),
    "an array of 256 TB": _images("'|u1'", "(1, 16777216, 16777216)"),
    "an array longer than its file": _images("'|u1'", "(1, 512, 512)", bytes(10)),
    "arrays in a bomb": _npz_bomb,
}

_ROWS = parquet_file.data_page([1] * 6, level=1)
_LABEL = parquet_file.Column(("label",), parquet_file.LONG, [_ROWS], 6)


def _table(*pages: parquet_file.Page, codec: int = parquet_file.NONE, count: int = 6) -> Make:
    """A Parquet file with these pages as its images."""

    def make(_: Path) -> bytes:
        column = ("image", "bytes"), parquet_file.BYTES, list(pages), count, codec
        return parquet_file.written([[parquet_file.Column(*column), _LABEL]])

    return make


def _page(size: int, body: bytes, values: int = 6) -> parquet_file.Page:
    """A page whose header promises this size."""
    about = {1: values, 2: parquet_file.PLAIN, 3: parquet_file.RLE}
    return parquet_file.Page({1: 0, 2: size, 3: len(body), 5: about}, body)


def _footer(content: bytes) -> Make:
    return lambda _: b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1"


def _samples(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            _add(archive, name, content)
    return file.getvalue()


def _page_in_a_bomb(marker: Path) -> bytes:
    body = gzip.compress(bytes(200 * _MEGABYTE), mtime=0)
    return _table(_page(200 * _MEGABYTE, body), codec=parquet_file.GZIP)(marker)


def _page_of_copies(marker: Path) -> bytes:
    body = parquet_file.varint(200 * _MEGABYTE) + b"\0a" + b"\xfe\1\0" * 100_000
    return _table(_page(200 * _MEGABYTE, body), codec=parquet_file.SNAPPY)(marker)


TABLES: dict[str, Make] = {
    "a page in a bomb": _page_in_a_bomb,
    "a page of copies": _page_of_copies,
    "a page of 2 GB": _table(_page(2**31 - 1, bytes(100))),
    "a page of less than nothing": _table(_page(-1, bytes(100))),
    "pages without values": _table(*[_page(4, bytes(4), 0)] * 1000),
    "a dictionary of a billion": _table(
        parquet_file.Page({1: 2, 2: 8, 3: 8, 7: {1: 10**9, 2: 0}}, bytes(8))
    ),
    "a billion rows": lambda _: parquet_file.written([[_LABEL]], rows=10**9),
    "a footer of 4 GB": lambda _: b"PAR1" + bytes(100) + b"\xff\xff\xff\xffPAR1",
    "a footer of structures": _footer(b"\x29\xfc\xff\xff\x7f" + bytes(15 * _MEGABYTE)),
    "a footer of 4 billion values": _footer(b"\x29\xfc\xff\xff\xff\xff\x0f"),
    "a footer in a footer in …": _footer(b"\x1c" * 100_000),
    "a class of a megabyte": lambda _: _samples({"0.png": _PNG, "0.cls": b"1" * _MEGABYTE}),
    "a class in lists in lists in …": lambda _: _samples({"0.png": _PNG, "0.json": b"[" * 60_000}),
    "tars in a zip in a bomb": lambda _: _deflated(
        {"0.tar": _samples({"0.png": bytes(90 * _MEGABYTE), "0.cls": b"1"})}
    ),
}

CODE: dict[str, Make] = {
    "a pickle": lambda marker: pickle.dumps({"data": Payload(marker), "labels": [0]}),
    "an array of objects": _pickled_array,
    "a header that is code": _images("__import__('os').system('true')", "(1, 8, 8)"),
    "a type of parts": _images("[('a', '|u1', (1000000000,))]", "(1, 8, 8)"),
}

DAMAGED: dict[str, Make] = {
    "an empty file": lambda _: b"",
    "random bytes": lambda _: bytes(np.random.default_rng(0).bytes(4096)),
    "one picture": lambda _: _PNG,
    "one array": lambda _: _npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", b"0"),
    "a web page": lambda _: b"<!DOCTYPE html><html>404</html>",
    "RAR": lambda _: b"Rar!\x1a\x07\x01\0" + bytes(100),
    "7z": lambda _: b"7z\xbc\xaf\x27\x1c" + bytes(100),
    "an empty zip": lambda _: zipped({}),
    "a zip cut short": lambda _: zipped(class_folders())[:-40],
    "a zip compressed by LZMA": lambda _: zipped(class_folders(), zipfile.ZIP_LZMA),
    "a name of nothing": _zip_beside_images("\0.png"),
    "a name twice": lambda _: zipped({"cat/0.png": _PNG, "cat/./0.png": _PNG}),
    "archives in an archive": lambda _: zipped({"cat/a.zip": zipped(class_folders())}),
    "gzip of nothing": lambda _: gzip.compress(b""),
    "gzip cut short": lambda _: gzip.compress(_tar_beside_images("cat/9.png")(Path()))[:200],
    "a tar cut short": lambda _: _tar_beside_images("cat/9.png")(Path())[:1000],
    "gzip of no tar": lambda _: gzip.compress(b"x" * 5000),
    "pictures that are none": lambda _: zipped({"cat/0.png": b"x", "dog/0.png": b"y"}),
    "pictures in no folder": lambda _: zipped({"0.png": _PNG}),
    "folders that are no class": lambda _: zipped({"wolf/0.png": _PNG}),
}

DATASETS: dict[str, Make] = PATHS | MEMORY | TABLES | CODE | DAMAGED
