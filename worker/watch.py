"""Watches what the kernel cannot limit for a single process: all its files together, all its
memory, its threads, and what the sandbox refused it.

A look takes milliseconds, and looks are a fraction of a second apart: a child may exceed a limit by
what it can use up in between.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker.job import Limits
from worker.process import Child

BETWEEN_FOLDERS = 1.0
"""Seconds between two looks at the folder."""

MOST_FILES = 10_000
MOST_DEEP = 64
MOST_THREADS = 64
"""And eight for each core: several libraries have a pool of their own."""

_DELETED = re.compile(
    rb"^\S+ \S+ \S+ (\S+) ([1-9]\d*) +(?=\S)(?!/dev/zero \(deleted\)$).* \(deleted\)$",
    re.MULTILINE,
)
"""Files that are mapped and have no name, by device and number; not shared memory, which the kernel
shows as if it were such a file and which is counted as memory."""

_MEMORY = ("RssAnon", "RssShmem", "VmPTE")
"""Of ``/proc/<pid>/status``: private memory, shared memory, and the tables by which the processor
finds both, which grow with what is only looked at too."""


class OverstepError(Exception):
    """The child has gone beyond a limit; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Watch:
    """Of one child, whose files lie in ``folder``."""

    def __init__(
        self,
        child: Child,
        folder: Path,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._child = child
        self._folder = folder
        self._limits = limits
        self._clock = clock
        self._next_folder = 0.0

    def check(self) -> None:
        """Raises OverstepError."""
        self.check_refusals()
        self._check_process()
        if self._limits.folder_bytes and self._clock() >= self._next_folder:
            self._next_folder = self._clock() + BETWEEN_FOLDERS
            self.check_files()

    def check_at_the_end(self) -> None:
        """What counts still when the child has ended. Raises OverstepError."""
        self.check_refusals()
        if self._limits.folder_bytes:
            self.check_files()

    def check_refusals(self) -> None:
        """Raises OverstepError."""
        refusals = self._child.refusals
        call = refusals.violation if refusals is not None else None
        if call is not None:
            raise OverstepError(
                "sandbox-violation",
                f"the job's process tried what no repair needs ({call}) and was stopped: one of its"
                " files may have taken command of it",
            )

    def _check_process(self) -> None:
        facts = _status(self._child.pid)
        used = sum(facts.get(name, 0) for name in _MEMORY)
        if self._limits.memory_bytes and used > self._limits.memory_bytes:
            raise OverstepError(
                "out-of-memory",
                f"the job took more than {self._limits.memory_bytes >> 20} MiB of memory: use a"
                " smaller batch_size or fewer images, or give workers more memory",
            )
        if facts.get("Threads", 0) > MOST_THREADS + 8 * (os.cpu_count() or 1):
            raise OverstepError("sandbox-violation", "the job's process started too many threads")

    def check_files(self) -> None:
        """Raises OverstepError."""
        limit, taken, files = self._limits.folder_bytes, 0, 0
        for size in self._sizes():
            taken, files = taken + size, files + 1
            if taken > limit or files > MOST_FILES:
                raise OverstepError(
                    "disk-limit",
                    f"the job wrote more than {limit >> 20} MiB or {MOST_FILES} files",
                )

    def _sizes(self) -> Iterator[int]:
        """Bytes on disk, of files in the folder and of those that have no name any more."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield from _sizes_below(descriptor, 0)
        finally:
            os.close(descriptor)
        yield from self._open_without_name()
        yield from self._mapped_without_name()

    def _open_without_name(self) -> Iterator[int]:
        with suppress(OSError), os.scandir(f"/proc/{self._child.pid}/fd") as descriptors:
            for descriptor in descriptors:
                with suppress(OSError):
                    found = descriptor.stat()
                    if not found.st_nlink:
                        yield found.st_blocks * 512

    def _mapped_without_name(self) -> Iterator[int]:
        """Of these only an upper bound is known."""
        with suppress(OSError):
            maps = Path(f"/proc/{self._child.pid}/maps").read_bytes()
            for _file in set(_DELETED.findall(maps)):
                yield self._limits.file_bytes


def _sizes_below(descriptor: int, depth: int) -> Iterator[int]:
    """By descriptors, so that no path is too long for us to see what lies there."""
    if depth > MOST_DEEP:
        raise OverstepError("disk-limit", f"the job nested more than {MOST_DEEP} folders")
    with os.scandir(descriptor) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                yield found.st_blocks * 512
                if stat.S_ISDIR(found.st_mode):
                    with _entered(entry.name, descriptor) as below:
                        yield from _sizes_below(below, depth + 1)


@contextmanager
def _entered(name: str, folder: int) -> Iterator[int]:
    """Also where the child has taken the right to look from us, its user. Raises OSError."""
    place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=folder)
    try:
        itself = f"/proc/self/fd/{place}"
        if not os.access(itself, os.R_OK | os.X_OK):
            Path(itself).chmod(0o700)
        below = os.open(itself, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(place)
    try:
        yield below
    finally:
        os.close(below)


def _status(pid: int) -> dict[str, int]:
    """Numbers of ``/proc/<pid>/status``, sizes in bytes; empty where there is none."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            words = value.split()
            if words and words[0].isdigit():
                found[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return found
