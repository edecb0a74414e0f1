"""Files on their way in: written to the spool folder and hashed while they arrive."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

import structlog
from anyio import CancelScope, to_thread

from service.errors import InvalidRequestError, TooLargeError, UnavailableError
from service.storage.local import remove_stale

log = structlog.get_logger()

BUFFER = 1 << 20  # bytes gathered before a thread hashes and writes them


@dataclass(frozen=True)
class Spooled:
    """A complete file in the spool folder: its digest, and its size in bytes."""

    path: Path
    sha256: str
    size: int


class SpoolFile:
    """Takes bytes piece by piece: a megabyte is gathered while a thread hashes and writes the one
    before, so two are in memory at most. An async context manager that removes the file in the end,
    whatever happens. ``what`` names it in errors."""

    def __init__(self, folder: Path, *, limit: int, what: str) -> None:
        self._path = folder / uuid4().hex
        self._limit = limit
        self._what = what
        self._digest = hashlib.sha256()
        self._size = 0
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        await to_thread.run_sync(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writing is not None:
                with CancelScope(shield=True):  # the thread may not lose its file
                    await asyncio.wait([self._writing])
        finally:
            self._remove()  # not in a thread: a cancelled task may wait for none

    async def write(self, data: bytes) -> None:
        """Raises TooLargeError as soon as the limit is passed, UnavailableError on a full disk."""
        self._size += len(data)
        if self._size > self._limit:
            raise TooLargeError(f"{self._what} is larger than {self._limit} bytes")
        self._buffer += data
        if len(self._buffer) >= BUFFER:
            await self._written()
            full, self._buffer = self._buffer, bytearray()
            self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, full)
            self._writing.add_done_callback(_heard)

    async def finish(self) -> Spooled:
        """The file, complete. Raises InvalidRequestError when it is empty."""
        if not self._size:
            raise InvalidRequestError(f"{self._what} is empty")
        await self._written()
        await to_thread.run_sync(self._close)
        return Spooled(self._path, self._digest.hexdigest(), self._size)

    def _open(self) -> None:
        with _translated_errors():
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("xb")

    async def _written(self) -> None:
        """Returns when the thread is done, if there is one. Raises UnavailableError."""
        if self._writing is not None:
            with _translated_errors():
                await asyncio.shield(self._writing)
            self._writing = None

    def _write(self, content: bytearray) -> None:
        assert self._file is not None  # noqa: S101 - entered
        self._digest.update(content)
        self._file.write(content)

    def _close(self) -> None:
        assert self._file is not None  # noqa: S101 - entered
        with _translated_errors():
            self._write(self._buffer)
            self._file.close()

    def _remove(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # closing writes what a full disk did not take
                self._file.close()
        self._path.unlink(missing_ok=True)


def _heard(writing: asyncio.Future[None]) -> None:
    """Whoever was refused meanwhile does not ask how it ended."""
    if not writing.cancelled():
        writing.exception()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("spool_failed", error=error.strerror)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        detail = "no room for this upload" if full else "uploads cannot be written"
        raise UnavailableError(f"{detail}; try again later") from error


def clean_spool(folder: Path, *, older_than: float) -> int:
    """Removes files that nobody has written to for so many seconds: their process died."""
    return remove_stale(folder, "*", older_than=older_than)
