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


@dataclass(frozen=True)
class _Seen:
    """The first ``count`` parts: the digest of their bytes, and of what they are known by."""

    count: int
    content: hashlib._Hash
    names: hashlib._Hash

    def with_part(self, part: SeenPart, path: Path) -> _Seen:
        content, names = self.content.copy(), self.names.copy()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                content.update(chunk)
        names.update(_name(part))
        return _Seen(self.count + 1, content, names)


class RunningDigests:
    """Of the uploads whose parts come to this process. Any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, upload: str, part: SeenPart, path: Path) -> None:
        """A part that is stored, and its bytes; one that is not the next one ends it."""
        with self._lock:
            before = self._seen.get(upload) if part.number > 1 else _nothing()
            if before is None or before.count != part.number - 1:
                self._seen.pop(upload, None)
                return
        try:
            after = before.with_part(part, path)
        except OSError:  # the part is kept nevertheless
            self.forget(upload)
            return
        with self._lock:
            if part.number > 1 and self._seen.get(upload) is not before:
                return  # another part came meanwhile
            self._seen[upload] = after
            self._seen.move_to_end(upload)
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


def _nothing() -> _Seen:
    return _Seen(0, hashlib.sha256(), hashlib.sha256())


def _name(part: SeenPart) -> bytes:
    return f"{part.number} {part.sha256} {part.tag!r}\n".encode()
