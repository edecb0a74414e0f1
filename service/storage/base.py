"""What the rest of the service may ask of an object store."""

from __future__ import annotations

from collections.abc import Iterator
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


class Store(Protocol):
    """Keys are relative paths of ASCII letters, digits, ``_-./``. Every method raises
    UnavailableError when the store cannot be reached, LostBlobError when a key is not there."""

    def put(self, key: str, path: Path) -> None:
        """Stores the file under the key, whole or not at all."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes in chunks of at most one MiB; the first chunk is read before returning."""

    def delete(self, key: str) -> None:
        """Removes the key; nothing happens when it is not there."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every key that starts with the prefix, in order."""

    def tidy(self, older_than: float) -> int:
        """Removes what was begun to be stored so many seconds ago and never was: whoever did it
        died. ``list`` does not show it. Returns how many."""

    def presigned_url(self, key: str, *, filename: str, seconds: int) -> str | None:
        """A link that anybody may GET for a while; None where the store cannot give one."""

    def ping(self) -> None:
        """Returns when the store can be used."""
