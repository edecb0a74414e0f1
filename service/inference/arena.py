"""Memory that the web process shares with one engine, given out in blocks by the web process alone.

It has no name, only a descriptor that the engine inherits. So there is nothing to unlink: whatever
dies, and however, the kernel frees it with the last of the two. Blocks are the web process's own
bookkeeping, which the engine never sees; a new engine gets a new arena.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from bisect import bisect_left

ALIGNMENT = 64
KEPT_BYTES = 16 << 20
"""Pages up to here stay when nothing is in use; the rest go back to the system."""


class Block:
    """Bytes ``begin`` to ``end`` of an arena, until ``free``."""

    def __init__(self, arena: Arena, begin: int, end: int) -> None:
        self._arena = arena
        self.begin = begin
        self.end = end
        self._is_free = False

    def view(self, begin: int, end: int) -> memoryview:
        """Bytes of the arena between two places of this block."""
        if not self.begin <= begin <= end <= self.end:
            raise ValueError(f"{begin} to {end} is not in the block {self.begin} to {self.end}")
        return self._arena.memory[begin:end]

    def free(self) -> None:
        """May be called more than once."""
        if not self._is_free:
            self._is_free = True
            self._arena.give_back(self.begin, self.end)


class Arena:
    """``nbytes`` of address space; the system gives pages as they are written."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = max(_aligned(nbytes), mmap.PAGESIZE)
        self.descriptor = _anonymous_file(self.nbytes)
        self._map = mmap.mmap(self.descriptor, self.nbytes)
        self.memory = memoryview(self._map)
        self._holes = [(0, self.nbytes)]
        self._highest = 0
        self.blocks = 0
        self.used_bytes = 0

    def take(self, nbytes: int) -> Block | None:
        """A block of at least so many bytes, aligned to 64; None while there is none."""
        size = max(ALIGNMENT, _aligned(nbytes))
        for index, (begin, end) in enumerate(self._holes):
            if end - begin >= size:
                self._holes[index : index + 1] = [(begin + size, end)] if end - begin > size else []
                self.blocks += 1
                self.used_bytes += size
                self._highest = max(self._highest, begin + size)
                return Block(self, begin, begin + size)
        return None

    def give_back(self, begin: int, end: int) -> None:
        """Called by the block."""
        self.blocks -= 1
        self.used_bytes -= end - begin
        index = bisect_left(self._holes, (begin, end))
        if index < len(self._holes) and self._holes[index][0] == end:
            end = self._holes.pop(index)[1]
        if index and self._holes[index - 1][1] == begin:
            index -= 1
            begin = self._holes.pop(index)[0]
        self._holes.insert(index, (begin, end))
        if not self.blocks:
            self._release_pages()

    def close_descriptor(self) -> None:
        """To be called once the engine has it: the mapping stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _release_pages(self) -> None:
        if self._highest > KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, KEPT_BYTES, self._highest - KEPT_BYTES)
            self._highest = KEPT_BYTES


def _anonymous_file(nbytes: int) -> int:
    """Of fixed size where the system can promise that: an engine that cut it short would kill the
    web process at its next look at it."""
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            file.truncate(nbytes)
            return os.dup(file.fileno())
    descriptor = os.memfd_create("polarizer-tensors", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(descriptor, nbytes)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
