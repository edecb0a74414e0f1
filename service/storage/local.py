"""A folder as object store: files appear by an atomic rename, after fsync."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import uuid4

from service.errors import LostBlobError, UnavailableError
from service.storage.base import CHUNK, Parts, StoredObject
from service.storage.durable import fsync_folders
from service.storage.local_parts import PARTIAL, LocalParts


class LocalStore:
    """See :class:`service.storage.base.Store`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.parts: Parts = LocalParts(root)

    def put(self, key: str, path: Path) -> None:
        target = self._root / key
        partial = self._root / f"{uuid4().hex}{PARTIAL}"
        try:
            new = not target.parent.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, partial.open("wb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
                sink.flush()
                os.fsync(sink.fileno())
            partial.replace(target)
            fsync_folders(target.parent, self._root if new else target.parent)
        except OSError as error:
            with suppress(OSError):  # the folder itself may be what is wrong
                partial.unlink()
            raise UnavailableError(f"the store cannot be written: {error.strerror}") from error

    def take(self, key: str, path: Path) -> None:
        target = self._root / key
        try:
            new = not target.parent.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(target)
            fsync_folders(target.parent, self._root if new else target.parent)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise UnavailableError(f"the store cannot be written: {error.strerror}") from error
            self.put(key, path)  # it lies on another file system

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
        for path in sorted(self._root.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if not key.startswith(prefix) or path.suffix == PARTIAL:
                continue
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    modified = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield StoredObject(key, status.st_size, modified)

    def tidy(self, older_than: float, keep: Collection[str] = ()) -> int:
        kept = {f"{handle}{PARTIAL}" for handle in keep}
        return remove_stale(self._root, f"*{PARTIAL}", older_than=older_than, keep=kept)

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


def remove_stale(
    folder: Path, pattern: str, *, older_than: float, keep: Collection[str] = ()
) -> int:
    """Removes files that nobody has written to for so many seconds: their process died; but none
    of the names in ``keep``. Returns how many. By the clock of the file system, which on a shared
    one is not that of this machine.
    """
    if not folder.is_dir():
        return 0
    with NamedTemporaryFile(dir=folder, suffix=PARTIAL) as newest:
        cutoff = Path(newest.name).stat().st_mtime - older_than
    removed = 0
    for path in folder.glob(pattern):
        if path.name in keep:
            continue
        with suppress(FileNotFoundError):  # it was finished meanwhile
            if path.stat().st_mtime < cutoff:
                path.unlink()
                removed += 1
    return removed
