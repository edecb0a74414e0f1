"""Lists of names in error messages: never longer than a reader, or a log line, can take."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

_LONGEST_NAME = 120


def shown(name: str) -> str:
    """A stranger's name for something, printable and short: ``'résumé\\n'`` → ``'résumé\\\\n'``."""
    printable = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return printable if len(printable) <= _LONGEST_NAME else printable[: _LONGEST_NAME - 1] + "…"


def some(names: Collection[str], most: int = 5) -> str:
    """``a, b, c and 12 more``; ``none`` when there are none."""
    if not names:
        return "none"
    first = ", ".join(shown(name) for name in islice(names, most))
    rest = len(names) - most
    return first if rest <= 0 else f"{first} and {rest} more"
