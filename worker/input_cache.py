"""Blobs that this worker has fetched before, kept on its disk, so that the next job need not wait
for the store.

A copy belongs to one blob, and a blob to one tenant, so nobody is given what another has sent. Its
digest is checked before it is used and once more while it is read; what is damaged is fetched anew.
A job gets bytes of its own, never a link, so whatever its process does to them, the cache stays as
it is. The folder is the worker's own, and goes with it.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog

from service.blobs import Blobs
from service.database import Database
from service.records import BlobRecord
from service.storage import Store
from service.storage.base import CHUNK

log = structlog.get_logger()

FOLDER = "inputs"
LOOK_SECONDS = 10.0
"""How often it is asked, at most, which blobs have been deleted."""
FROM_COPY, FROM_STORE = "copy", "store"
ROOM_FACTOR = 4
"""Nothing is kept that would leave less free disk than so many times its size: jobs come first."""


class CachingBlobs(Blobs):
    """``read`` keeps what it reads, ``most_bytes`` of it at most; the copies that were used longest
    ago go first. 0 keeps nothing. ``on_read`` hears where each is read from. Any number of threads
    may read."""

    def __init__(
        self,
        database: Database,
        store: Store,
        folder: Path,
        most_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        on_read: Callable[[str], object] = lambda _source: None,
    ) -> None:
        super().__init__(database, store)
        self._folder = folder
        self._most_bytes = most_bytes
        self._clock = clock
        self._on_read = on_read
        self._looked = clock()
        self._sizes: OrderedDict[str, int] = OrderedDict()  # by blob, used longest ago first
        self._lock = threading.Lock()

    def read(self, blob: BlobRecord) -> Iterator[bytes]:
        """As :meth:`Blobs.read`, from the copy if there is a good one."""
        if blob.size > self._most_bytes:
            self._on_read(FROM_STORE)
            return super().read(blob)
        self._drop_deleted()
        copy = self._read_copy(blob)
        self._on_read(FROM_STORE if copy is None else FROM_COPY)
        return copy or self._fetch(blob, super().read(blob))

    def _read_copy(self, blob: BlobRecord) -> Iterator[bytes] | None:
        with self._lock:
            if blob.id not in self._sizes:
                return None
            self._sizes.move_to_end(blob.id)
        try:
            copy = (self._folder / blob.id).open("rb")
        except OSError:
            self._drop(blob.id)
            return None
        if hashlib.file_digest(copy, "sha256").hexdigest() == blob.sha256:
            log.info("input_cached", blob_id=blob.id, size=blob.size)
            copy.seek(0)
            return self.verified(_chunks(copy), blob)
        copy.close()
        log.warning("input_copy_damaged", blob_id=blob.id)
        self._drop(blob.id)
        return None

    def _fetch(self, blob: BlobRecord, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, which are kept if they come to their end, and that is the right one."""
        partial = self._folder / f"{uuid4().hex}.partial"
        sink = self._opened(partial, blob.size)
        try:
            for chunk in chunks:
                sink = _written(sink, chunk)
                yield chunk
            if sink is not None:
                sink.close()
                self._add(blob, partial)
        finally:
            if sink is not None:
                with suppress(OSError):
                    sink.close()
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def _opened(self, partial: Path, size: int) -> BinaryIO | None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if shutil.disk_usage(self._folder).free < ROOM_FACTOR * size:
                return None
            return partial.open("xb")
        except OSError:  # a disk that is full is no reason not to work
            return None

    def _add(self, blob: BlobRecord, partial: Path) -> None:
        with self._lock:
            try:
                partial.replace(self._folder / blob.id)
            except OSError:
                return
            self._sizes[blob.id] = blob.size
            self._sizes.move_to_end(blob.id)
            while sum(self._sizes.values()) > self._most_bytes:
                oldest, _size = self._sizes.popitem(last=False)
                self._unlink(oldest)

    def _drop_deleted(self) -> None:
        """Copies of what was deleted since: nobody may keep that."""
        with self._lock:
            if self._clock() - self._looked < LOOK_SECONDS:
                return
            self._looked = self._clock()
            kept = list(self._sizes)
        for blob_id in set(kept) - self.existing(kept):
            self._drop(blob_id)

    def _drop(self, blob_id: str) -> None:
        with self._lock:
            self._sizes.pop(blob_id, None)
            self._unlink(blob_id)

    def _unlink(self, blob_id: str) -> None:
        with suppress(OSError):
            (self._folder / blob_id).unlink()


def _written(sink: BinaryIO | None, chunk: bytes) -> BinaryIO | None:
    """The sink, or None once it takes no more."""
    if sink is None:
        return None
    try:
        sink.write(chunk)
    except OSError:
        with suppress(OSError):
            sink.close()
        return None
    return sink


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
