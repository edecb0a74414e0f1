"""What lies in archives: pickles, arrays, pictures."""

from __future__ import annotations

import pickletools
import re
import struct
import zlib
from random import Random

from tests.fuzz.mutators.anywhere import anywhere, flip, number

_GLOBALS = (
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\nbytearray\n", b"ctorch\nload\n"),
    *(b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n"),
    *(b"ctorch\nFloatStorage\n", b"cnumpy\nndarray\n", b"cargparse\nNamespace\n"),
)
_OPERATIONS = (
    *(b"R", b"b", b"\x81", b"\x92", b"i", b"o", b"Q", b"(", b")", b"]", b"}", b"\x8f", b"N", b"0"),
    *(b"1", b"2", b"t", b"l", b"d", b"a", b"e", b"s", b"u", b"\x90", b"\x91", b"\x85", b"\x86"),
    *(b"\x87", b"\x93", b"\x94", b"h\0", b"q\xff", b"r\xff\xff\xff\xff", b"J\xff\xff\xff\x7f"),
    *(
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
        b"X\xff\xff\xff\xff",
        b"\x96" + b"\xff" * 8,
        b"\x82\x01",
    ),
)


def pickled(rng: Random, data: bytes) -> bytes:
    """Operations dropped, doubled, swapped or put in."""
    try:
        places = [place for _, _, place in pickletools.genops(data) if place is not None]
    except Exception:  # noqa: BLE001 - no pickle any more
        return anywhere(rng, data)
    pieces = [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(pieces))
        way = rng.randrange(5)
        if way == 0 and len(pieces) > 1:
            del pieces[place]
        elif way == 1:
            pieces.insert(place, rng.choice(pieces))
        elif way == 2:
            pieces.insert(place, rng.choice(_GLOBALS + _OPERATIONS))
        elif way == 3:
            other = rng.randrange(len(pieces))
            pieces[place], pieces[other] = pieces[other], pieces[place]
        else:
            pieces[place] = number(rng, pieces[place])
    return b"".join(pieces)


_SHAPES = ("()", "(0,)", "(-1,)", "(1,)", "(2, 8, 8)", "(2**40,)", "(4294967296, 4294967296)", "1")
_TYPES = (
    "'|u1'",
    "'<i8'",
    "'>i8'",
    "'|O'",
    "'<f4'",
    "'<M8[s]'",
    "'|V8'",
    "[('a', '|u1')]",
    "'|S5'",
)


def npy(rng: Random, data: bytes) -> bytes:
    """Another shape, type or version in the header of an array."""
    if data[:6] != b"\x93NUMPY" or len(data) < 10 or rng.random() < 0.3:
        return anywhere(rng, data)
    size = struct.unpack_from("<H", data, 8)[0]
    text = data[10 : 10 + size].decode("latin-1")
    if rng.random() < 0.5:
        text = re.sub(r"'shape': \([^)]*\)", f"'shape': {rng.choice(_SHAPES)}", text)
    else:
        text = re.sub(r"'descr': '[^']*'", f"'descr': {rng.choice(_TYPES)}", text)
    header = text.encode("latin-1")
    version = bytes((rng.choice((1, 1, 1, 2, 3, 9)), 0))
    return data[:6] + version + struct.pack("<H", len(header)) + header + data[10 + size :]


_CHUNKS = (b"iCCP", b"zTXt", b"iTXt", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"eXIf", b"gAMA", b"IDAT")


def png(rng: Random, data: bytes) -> bytes:
    """Chunks of a PNG changed, with checksums that fit."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or rng.random() < 0.2:
        return anywhere(rng, data)
    chunks = _chunks(data)
    place = rng.randrange(len(chunks))
    kind, body = chunks[place]
    way = rng.randrange(5)
    if way == 0:
        chunks.insert(
            place, (rng.choice(_CHUNKS), rng.choice((b"", zlib.compress(bytes(9999)), body)))
        )
    elif way == 1:
        chunks.append((kind, body))
    elif way == 2 and len(chunks) > 1:
        del chunks[place]
    elif way == 3 and kind == b"IDAT":
        chunks[place] = (kind, zlib.compress(anywhere(rng, bytes(200)) * rng.choice((1, 1, 5000))))
    else:
        chunks[place] = (kind, rng.choice((flip, number))(rng, body))
    return data[:8] + b"".join(
        struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks or [(b"IHDR", bytes(13))]


def member(rng: Random, data: bytes) -> bytes:
    """The mutator for what the content looks like: of a member of an archive."""
    if data.startswith(b"\x89PNG"):
        return png(rng, data)
    if data.startswith(b"\x93NUMPY"):
        return npy(rng, data)
    if data[:1] == b"\x80":
        return pickled(rng, data)
    return anywhere(rng, data)
