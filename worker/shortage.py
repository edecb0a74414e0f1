"""How a process that ran out of memory ends, and what it says. Loads no torch."""

from __future__ import annotations

import re

NO_MEMORY_TO_SAY = 3
"""The child's exit status when memory ran out and not even a last event could be made."""

_OUT_OF_MEMORY = re.compile(
    r"can.t allocate memory|cannot allocate memory|not enough memory|out of memory|bad.?alloc"
    r"|failed to map segment|\bMemoryError\b",
    re.IGNORECASE,
)


def tells_of_shortage(words: str) -> bool:
    """Whether that is what an allocator, a linker or Python says when memory runs out."""
    return _OUT_OF_MEMORY.search(words) is not None
