"""Which file a reported call names, and whether that lies outside: for the log alone.

Landlock has the say. What is read here may be changed by another thread before the kernel looks at
it, so a hostile process can hide a path from the log, and gains nothing else by it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_LONGEST = 4096
_HERE = -100  # AT_FDCWD
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# where a call's paths are: (argument of the folder's descriptor, argument of the path)
_PATHS: dict[str, Sequence[tuple[int | None, int]]] = {
    **dict.fromkeys(("open", "mkdir", "rmdir", "unlink"), [(None, 0)]),
    **dict.fromkeys(("openat", "mkdirat", "unlinkat"), [(0, 1)]),
    "rename": [(None, 0), (None, 1)],
    **dict.fromkeys(("renameat", "renameat2"), [(0, 1), (2, 3)]),
}
_FLAGS = {"open": 1, "openat": 2}


class Boundary:
    """Of one process, between what it may touch and the rest. What is readable and ``trusted`` was
    written by nobody hostile, so links in there need not be followed."""

    def __init__(
        self,
        process: int,
        *,
        trusted: Iterable[Path],
        readable: Iterable[Path],
        writable: Iterable[Path],
    ) -> None:
        self._process = process
        self._trusted = tuple(f"{path}/" for path in trusted)
        self._readable = [self._real(str(path)) for path in readable]
        self._writable = [self._real(str(path)) for path in writable]

    def crossed(self, call: str, arguments: Sequence[int]) -> str | None:
        """The path outside that the call names; None if there is none, or it cannot be read."""
        writes = call not in _FLAGS or bool(arguments[_FLAGS[call]] & _WRITES)
        for path in self._paths(call, arguments):
            if not writes and path.startswith(self._trusted) and "/.." not in path:
                continue
            real = self._real(path)
            inside = _is_in(real, self._writable) or (not writes and _is_in(real, self._readable))
            if not inside and (writes or os.path.lexists(real)):
                return real
        return None

    def _paths(self, call: str, arguments: Sequence[int]) -> Iterator[str]:
        with suppress(OSError):
            for folder, place in _PATHS[call]:
                path = self._text(arguments[place])
                if not path.startswith("/"):
                    descriptor = _HERE if folder is None else _signed(arguments[folder])
                    link = "cwd" if descriptor == _HERE else f"fd/{descriptor}"
                    path = f"{Path(f'/proc/{self._process}/{link}').readlink()}/{path}"
                yield path

    def _text(self, address: int) -> str:
        with open(f"/proc/{self._process}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            found = os.pread(memory.fileno(), _LONGEST, address)
        return os.fsdecode(found.partition(b"\0")[0])

    def _real(self, path: str) -> str:
        """Without links; ``/proc/self`` is the process's own."""
        for own in ("/proc/self", "/proc/thread-self"):
            if path == own or path.startswith(f"{own}/"):
                path = f"/proc/{self._process}{path.removeprefix(own)}"
        return os.path.realpath(path)


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _signed(argument: int) -> int:
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
