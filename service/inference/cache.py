"""Artefacts as files, so that the engine can load them: one a digest, the last used ones kept."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog

from service.blobs import Blobs
from service.errors import UnavailableError
from service.inference.messages import NOTES
from service.records import BlobRecord

log = structlog.get_logger()

_SUFFIX = ".safetensors"
_PARTIAL = ".partial"
_ABANDONED_SECONDS = 24 * 3600
SECONDS = 1.0
"""How long a use goes without a note on the file that it was used."""


class ModelCache:
    """A folder of files named by their digest. Several processes may share it.

    Files appear by an atomic rename after their digest was checked. More than ``most_bytes`` are
    kept only while requests need them; ``on_removed`` hears the digests of those that go.
    """

    def __init__(
        self, folder: Path, blobs: Blobs, most_bytes: int, on_removed: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._blobs = blobs
        self._most_bytes = most_bytes
        self._on_removed = on_removed
        self._users: Counter[str] = Counter()
        self._fetching: dict[str, asyncio.Lock] = {}
        self._noted: dict[str, tuple[float, Path]] = {}
        self._has_grown = True

    def file(self, blob: BlobRecord) -> Use:
        """For ``async with``: the blob's file, which stays while the block runs. Raises
        LostBlobError (its bytes are missing or damaged) and UnavailableError."""
        return Use(self, blob)

    async def take(self, blob: BlobRecord) -> Path:
        """The blob's file, which stays until it is given back. Raises as ``file`` does."""
        self._users[blob.sha256] += 1
        try:
            noted = self._noted.get(blob.sha256)
            if noted is not None and time.monotonic() < noted[0]:
                return noted[1]
            return await self._have(blob)
        except BaseException:
            self.give_back(blob)
            raise

    def give_back(self, blob: BlobRecord) -> None:
        """Once for every ``take`` that returned."""
        self._users[blob.sha256] -= 1
        if not self._users[blob.sha256]:
            del self._users[blob.sha256]
            self._fetching.pop(blob.sha256, None)
            if self._has_grown:
                self._shrink()

    def digests(self) -> set[str]:
        """Of all files that are kept."""
        return {path.stem for path in self._folder.glob(f"*{_SUFFIX}")}

    def remove(self, sha256: str) -> None:
        """Forgets a file, because it is damaged or nobody needs it any more."""
        self._noted.pop(sha256, None)
        for folder in (self._folder, self._folder / NOTES):  # what the engine noted about it, too
            for path in folder.glob(f"{sha256}*"):
                path.unlink(missing_ok=True)
        self._on_removed(sha256)

    async def _have(self, blob: BlobRecord) -> Path:
        path = self._path(blob.sha256)
        async with self._fetching.setdefault(blob.sha256, asyncio.Lock()):
            try:
                os.utime(path)
            except OSError:  # not there, in all likelihood; else fetching says what is wrong
                await asyncio.to_thread(self._fetch, blob, path)
                self._has_grown = True
            self._noted[blob.sha256] = time.monotonic() + SECONDS, path
        return path

    def _fetch(self, blob: BlobRecord, path: Path) -> None:
        partial = self._folder / f"{uuid4().hex}{_PARTIAL}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._blobs.fetch(blob, partial)
            partial.replace(path)
        except OSError as error:
            raise UnavailableError(
                f"the cache folder cannot be written: {error.strerror}"
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        log.info("model_fetched", sha256=blob.sha256, size=blob.size)

    def _shrink(self) -> None:
        """Removes the files used longest ago, and what a crash left half fetched."""
        files = sorted(_stamped(self._folder, _SUFFIX))
        surplus = sum(size for _, size, _ in files) - self._most_bytes
        for _, size, path in files:
            if surplus > 0 and path.stem not in self._users:
                self.remove(path.stem)
                surplus -= size
        self._has_grown = surplus > 0
        now = time.monotonic()
        self._noted = {sha256: each for sha256, each in self._noted.items() if each[0] > now}
        for stamp, _, path in _stamped(self._folder, _PARTIAL):
            if stamp < time.time() - _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}{_SUFFIX}"


@dataclass(frozen=True)
class Use:
    """A class and no generator, because every request has one."""

    cache: ModelCache
    blob: BlobRecord

    async def __aenter__(self) -> Path:
        return await self.cache.take(self.blob)

    async def __aexit__(self, *_: object) -> None:
        self.cache.give_back(self.blob)


def _stamped(folder: Path, ending: str) -> list[tuple[float, int, Path]]:
    """When files were last used, and their sizes; one that another process just removed is left
    out."""
    found = []
    for path in folder.glob(f"*{ending}"):
        with suppress(FileNotFoundError):
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    return found
