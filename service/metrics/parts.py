"""Uploads in parts, as the store sees them: each call counted, and in the trace of its request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from service.storage.base import Parts, StoredPart
from service.tracing import active

if TYPE_CHECKING:
    from service.metrics.store import Call

T = TypeVar("T")


class ObservedParts:
    """See :class:`service.storage.base.Parts`. ``call`` begins one of an operation."""

    def __init__(self, parts: Parts, call: Callable[[str], Call]) -> None:
        self._parts = parts
        self._call = call
        self.least = parts.least
        self.gives_links = parts.gives_links
        self.tags_bind = parts.tags_bind

    def begin(self, key: str) -> str:
        return self._told("begin-parts", lambda: self._parts.begin(key))

    def put(self, key: str, handle: str, *, number: int, offset: int, path: Path) -> str:
        return self._told(
            "put-part",
            lambda: self._parts.put(key, handle, number=number, offset=offset, path=path),
            path.stat().st_size,
        )

    def stored(self, key: str, handle: str) -> Iterator[StoredPart]:
        with self._call("list-parts").aside():
            yield from self._parts.stored(key, handle)

    def join(self, key: str, handle: str, tags: Mapping[int, str]) -> None:
        self._told("join-parts", lambda: self._parts.join(key, handle, tags))

    def abandon(self, key: str, handle: str) -> bool:
        return self._told("abandon-parts", lambda: self._parts.abandon(key, handle))

    def link(self, key: str, handle: str, *, number: int, size: int, seconds: int) -> str:
        """Signed here; nobody is asked."""
        return self._parts.link(key, handle, number=number, size=size, seconds=seconds)

    def _told(self, operation: str, work: Callable[[], T], nbytes: int = 0) -> T:
        call = self._call(operation)
        with active(call.span), call.counted():
            found = work()
            call.nbytes = nbytes
            return found
