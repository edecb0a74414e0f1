"""What the rest of the service may ask of an object store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """One key, its size in bytes, and when it was written (UTC)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class StoredPart:
    """One part: its number from 1, its size in bytes, and what the store calls it."""

    number: int
    size: int
    tag: str


class Parts(Protocol):
    """Objects that are stored in parts, in any order, again after a break, from several processes.

    Parts but the last are of one size, of ``least`` bytes at least. Every method raises
    UnavailableError when the store cannot be reached, LostBlobError when nothing was begun under
    the handle, or it was joined or abandoned since.
    """

    least: int
    gives_links: bool
    tags_bind: bool
    """Whether ``join`` refuses a part that is not the one that was given this tag any more."""

    def begin(self, key: str) -> str:
        """A handle for parts that shall become the key's object. Nothing of it is in ``list``."""

    def put(self, key: str, handle: str, *, number: int, offset: int, path: Path) -> str:
        """Stores the file as the part that begins at ``offset``, in place of an earlier one, and
        returns its tag. It is kept when this returns."""

    def stored(self, key: str, handle: str) -> Iterator[StoredPart]:
        """All of them, in order; of a store that gives links only."""

    def join(self, key: str, handle: str, tags: Mapping[int, str]) -> None:
        """Makes the parts the key's object, whole or not at all. Joining again does nothing.
        LostBlobError also when the object is not there although it was joined."""

    def abandon(self, key: str, handle: str) -> bool:
        """Removes the parts; whether there were any."""

    def link(self, key: str, handle: str, *, number: int, size: int, seconds: int) -> str:
        """Where anybody may PUT this part of this size for a while, if it ``gives_links``."""


class Store(Protocol):
    """Keys are relative paths of ASCII letters, digits, ``_-./``. Every method raises
    UnavailableError when the store cannot be reached, LostBlobError when a key is not there."""

    parts: Parts

    def put(self, key: str, path: Path) -> None:
        """Stores the file under the key, whole or not at all."""

    def take(self, key: str, path: Path) -> None:
        """As ``put``, of a file that nobody needs any more: it may be moved."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes in chunks of at most one MiB; the first chunk is read before returning."""

    def delete(self, key: str) -> None:
        """Removes the key; nothing happens when it is not there."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every key that starts with the prefix, in order."""

    def tidy(self, older_than: float, keep: Collection[str] = ()) -> int:
        """Removes what was begun to be stored so many seconds ago and never was: whoever did it
        died. ``list`` does not show it. ``keep``: handles of parts that are still to be joined.
        Returns how many."""

    def presigned_url(self, key: str, *, filename: str, seconds: int) -> str | None:
        """A link that anybody may GET for a while; None where the store cannot give one."""

    def ping(self) -> None:
        """Returns when the store can be used."""
