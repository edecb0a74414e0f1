"""Parts in a folder: one file that is written at many places, and gets its name when it is whole.

Whoever writes holds a shared lock, whoever joins an exclusive one, and a writer that comes too late
finds that the file has another name. So nothing changes the bytes of an object.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from service.errors import LostBlobError, UnavailableError
from service.storage.base import CHUNK, StoredPart
from service.storage.durable import fsync_folders

PARTIAL = ".partial"


class LocalParts:
    """See :class:`service.storage.base.Parts`."""

    least = 64 << 10
    gives_links = False
    tags_bind = False  # there are none: a part is where it belongs, whoever wrote it last

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, key: str) -> str:  # noqa: ARG002
        handle = uuid4().hex
        with _translated_errors():
            self._root.mkdir(parents=True, exist_ok=True)
            self._path(handle).touch(exist_ok=False)
            fsync_folders(self._root, self._root)
        return handle

    def put(self, key: str, handle: str, *, number: int, offset: int, path: Path) -> str:  # noqa: ARG002
        with (
            _translated_errors(),
            self._locked(handle, fcntl.LOCK_SH) as sink,
            path.open("rb") as source,
        ):
            sink.seek(offset)
            shutil.copyfileobj(source, sink, CHUNK)
            sink.flush()
            os.fdatasync(sink.fileno())
        return ""

    def stored(self, key: str, handle: str) -> Iterator[StoredPart]:  # noqa: ARG002
        return iter(())

    def join(self, key: str, handle: str, tags: Mapping[int, str]) -> None:  # noqa: ARG002
        target = self._root / key
        with _translated_errors():
            try:
                with self._locked(handle, fcntl.LOCK_EX):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._path(handle).replace(target)
            except FileNotFoundError:
                if not target.exists():
                    raise
            fsync_folders(target.parent, self._root)

    def abandon(self, key: str, handle: str) -> bool:  # noqa: ARG002
        with _translated_errors():
            there = self._path(handle).exists()
            self._path(handle).unlink(missing_ok=True)
        return there

    def link(self, key: str, handle: str, *, number: int, size: int, seconds: int) -> str:  # noqa: ARG002
        raise UnavailableError("a folder gives no links")

    def _path(self, handle: str) -> Path:
        return self._root / f"{handle}{PARTIAL}"

    @contextmanager
    def _locked(self, handle: str, kind: int) -> Iterator[BinaryIO]:
        """The file, while it has this name. Raises FileNotFoundError."""
        with self._path(handle).open("r+b") as file:
            fcntl.flock(file, kind)
            if not os.path.samestat(os.fstat(file.fileno()), self._path(handle).stat()):
                raise FileNotFoundError
            yield file


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise LostBlobError("these parts are not in the store any more") from error
    except OSError as error:
        raise UnavailableError(f"the store cannot be written: {error.strerror}") from error
