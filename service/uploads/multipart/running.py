"""The digest of a whole file while its parts come in order, so that it need not be read again.

It is kept in this process alone, and is used only if the parts that are joined are, by their
digests and by what the store calls them, the very ones that it has seen, each of them once and in
order. In every other case (another process took a part, or a link did, one came out of order or was
replaced, this process is a new one) there is none, and whoever wants it reads the whole.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MOST = 256  # uploads at a time; of more, those that were longest without a part are forgotten
_CHUNK = 1 << 20


class SeenPart(Protocol):
    """A part as it is stored: by what is its content known?"""

    @property
    def number(self) -> int: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def tag(self) -> str: ...


@dataclass(frozen=True, eq=False)
class _Seen:
    """The first ``count`` parts: the digest of their bytes, and of what they are known by."""

    count: int
    content: hashlib._Hash
    names: hashlib._Hash

    def with_bytes(self, path: Path) -> hashlib._Hash:
        """The digest of the bytes, these too. Raises OSError."""
        content = self.content.copy()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                content.update(chunk)
        return content

    def with_name(self, part: SeenPart, content: hashlib._Hash) -> _Seen:
        names = self.names.copy()
        names.update(_name(part))
        return _Seen(part.number, content, names)


@dataclass(frozen=True)
class Ahead:
    """What the digest will be with a part that is still being stored."""

    before: _Seen
    content: Future[hashlib._Hash]


class RunningDigests:
    """Of the uploads whose parts come to this process. Any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()
        self._hashing = ThreadPoolExecutor(2, thread_name_prefix="digest")

    def ahead(self, upload: str, number: int, path: Path) -> Ahead | None:
        """Begins to read a part that is going to be stored; None unless it is the next one."""
        with self._lock:
            before = self._seen.get(upload) if number > 1 else _START
        if before is None or before.count != number - 1:
            return None
        return Ahead(before, self._hashing.submit(before.with_bytes, path))

    def add(self, upload: str, part: SeenPart, ahead: Ahead | None) -> None:
        """The part is stored; one that was not the next one ends it."""
        try:
            after = ahead.before.with_name(part, ahead.content.result()) if ahead else None
        except OSError:  # the part is kept nevertheless
            after = None
        with self._lock:
            before = self._seen.pop(upload, None)
            if ahead is None or after is None or ahead.before not in (before, _START):
                return
            self._seen[upload] = after
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)

    def of(self, upload: str, parts: Iterable[SeenPart]) -> str | None:
        """The sha256 of these parts, in order, together; None unless all were seen so."""
        with self._lock:
            seen = self._seen.get(upload)
        if seen is None:
            return None
        names = hashlib.sha256()
        for part in parts:
            names.update(_name(part))
        return seen.content.hexdigest() if names.digest() == seen.names.digest() else None

    def forget(self, upload: str) -> None:
        with self._lock:
            self._seen.pop(upload, None)


_START = _Seen(0, hashlib.sha256(), hashlib.sha256())  # of which only copies grow


def _name(part: SeenPart) -> bytes:
    return f"{part.number} {part.sha256} {part.tag!r}\n".encode()
