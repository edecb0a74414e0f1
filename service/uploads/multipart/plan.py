"""How a file is cut: parts of one size, the last one as long as what is left."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

MIB = 1 << 20
MOST_PARTS = 10_000  # S3's own limit
MOST_PART = 128 * MIB
USUAL_PART = 16 * MIB


@dataclass(frozen=True)
class KeptPart:
    """A part in the store, of ``size`` bytes; ``sha256`` unless it was sent by a link."""

    number: int
    size: int
    sha256: str | None
    tag: str


def part_size(size: int, wanted: int | None, least: int) -> int:
    """The nearest to what is wanted that the store takes, in bytes; never more than MOST_PARTS."""
    chosen = min(max(wanted or USUAL_PART, least), MOST_PART)
    needed = -(-size // MOST_PARTS)
    return chosen if needed <= chosen else -(-needed // MIB) * MIB


def part_count(size: int, part: int) -> int:
    """How many parts of ``part`` bytes a file of ``size`` bytes has."""
    return -(-size // part)


def length_of(number: int, size: int, part: int) -> int:
    """Bytes of the part with this number, counted from 1."""
    return min(part, size - (number - 1) * part)


def in_words(numbers: Collection[int], most: int = 10) -> str:
    """``3, 5-7``: so many runs at most, and how many numbers more."""
    runs = list(_runs(sorted(numbers)))
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs[:most])
    more = sum(b - a + 1 for a, b in runs[most:])
    return f"{shown} and {more} more" if more else shown


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    begin = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            yield numbers[begin], number
            begin = index + 1
