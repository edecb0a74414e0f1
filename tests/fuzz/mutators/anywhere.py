"""Changes that know nothing of any format, and values at which things tend to break."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Mutator = Callable[[Random, bytes], bytes]

NUMBERS = (
    *(0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 511, 512, 1023, 4095, 32767, 32768, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**48, 2**53, 2**62, 2**63 - 1, 2**63, 2**64),
    *(-1, -2, -128, -(2**31), -(2**63)),
)
NAMES = (
    *("", ".", "..", "/", "../x.png", "/etc/passwd", "C:\\x.png", "\\\\s\\x.png", "cat/../x.png"),
    *("cat/\0.png", "cat/\n.png", "cat/\u202e.png", "ＣＡＴ/0.png", "cat/é.png", "cat/é.png"),
    *("CON", "cat/NUL.png", "a/" * 40 + "x.png", "x" * 300 + ".png", "cat/x.zip", "__MACOSX/._x"),
    *("cat/0.png", "images.npy", "labels.npy", "m/data.pkl", "m/data/0", "m/byteorder"),
    *("\ud800.png".encode("utf-8", "replace").decode(), "cat/a\u0301.png", "٣/0.png"),
)


def flip(rng: Random, data: bytes) -> bytes:
    """One to eight bytes become others; the ends, where structure often is, twice as often."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[_place(rng, len(changed))] = rng.choice((rng.randrange(256), 0, 255, 127, 128))
    return bytes(changed)


def _place(rng: Random, size: int) -> int:
    ends = min(size, 64)
    return rng.choice((rng.randrange(size), rng.randrange(ends), size - 1 - rng.randrange(ends)))


def cut(rng: Random, data: bytes) -> bytes:
    """The end, the beginning or a middle is missing."""
    if not data:
        return data
    begin, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return rng.choice((data[:begin], data[begin:], data[:begin] + data[end:], data[begin:end]))


def repeat(rng: Random, data: bytes) -> bytes:
    """A piece comes once more, somewhere."""
    if not data:
        return data
    begin = rng.randrange(len(data))
    piece = data[begin : begin + rng.randint(1, 200)] * rng.choice((1, 1, 2, 100))
    place = rng.randrange(len(data) + 1)
    return data[:place] + piece + data[place:]


def number(rng: Random, data: bytes) -> bytes:
    """Two, four or eight bytes become a number at which something may overflow."""
    size = rng.choice((2, 4, 8))
    if len(data) <= size:
        return data
    place = _place(rng, len(data) - size)
    value = rng.choice(NUMBERS) % 2 ** (8 * size)
    packed = value.to_bytes(size, rng.choice(("little", "big")))
    return data[:place] + packed + data[place + size :]


ANYWHERE: tuple[Mutator, ...] = (flip, flip, cut, repeat, number)


def anywhere(rng: Random, data: bytes) -> bytes:
    """One to three of these."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(ANYWHERE)(rng, data)
    return data
