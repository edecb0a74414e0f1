"""What a long-lived process does about its memory, once it has loaded all that it needs."""

from __future__ import annotations

import ctypes
import gc
import sys

YOUNG = 10_000
"""New objects at which Python looks for cycles among them. Its own 700 is what a request makes."""

_ARENA_MAX = -8
_ARENAS = 2


def settle() -> None:
    """What is there now stays: it is never looked through for cycles again, and what starting left
    unused goes back to the system. Threads share few of the allocator's pools from now on, each
    of which keeps what was freed in it."""
    _call("mallopt", _ARENA_MAX, _ARENAS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    _call("malloc_trim", 0)


def tidy() -> None:
    """Frees cycles, and returns the allocator's free pages (glibc)."""
    gc.collect()
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    """A function of glibc; nothing where there is none."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*numbers)
