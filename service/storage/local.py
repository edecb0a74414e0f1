"""A folder as object store: files appear by an atomic rename, after fsync."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from service.errors import LostBlobError, UnavailableError
from service.storage.base import CHUNK, StoredObject

_PARTIAL = ".partial"


class LocalStore:
    """See :class:`service.storage.base.Store`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, path: Path) -> None:
        target = self._root / key
        partial = self._root / f"{uuid4().hex}{_PARTIAL}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, partial.open("wb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
                sink.flush()
                os.fsync(sink.fileno())
            partial.replace(target)
            _fsync_folder(target.parent)
        except OSError as error:
            with suppress(OSError):  # the folder itself may be what is wrong
                partial.unlink()
            raise UnavailableError(f"the store cannot be written: {error.strerror}") from error

    def read(self, key: str) -> Iterator[bytes]:
        try:
            source = (self._root / key).open("rb")
        except FileNotFoundError as error:
            raise LostBlobError("stored bytes are missing") from error
        except OSError as error:
            raise UnavailableError(f"the store cannot be read: {error.strerror}") from error
        return iter_chunks(source)

    def delete(self, key: str) -> None:
        try:
            (self._root / key).unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError(f"the store cannot be written: {error.strerror}") from error

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        paths = sorted(path for path in self._root.rglob("*") if path.is_file())
        for path in paths:
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix):
                status = path.stat()
                yield StoredObject(
                    key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)
                )

    def presigned_url(self, key: str, *, filename: str, seconds: int) -> str | None:  # noqa: ARG002
        return None

    def ping(self) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"the store cannot be written: {error.strerror}") from error
        if not os.access(self._root, os.W_OK):
            raise UnavailableError("the store cannot be written")


def iter_chunks(source) -> Iterator[bytes]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Chunks of an open binary file, which is closed at the end."""
    with source:
        while chunk := source.read(CHUNK):
            yield chunk


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
