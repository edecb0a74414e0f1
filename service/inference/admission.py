"""How much may wait for an answer: rows and bytes, over all engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import BusyError

MOST_ROWS = 4096
MOST_BYTES = 256 << 20
RETRY_SECONDS = 1


@dataclass(frozen=True)
class Place:
    """Room for a request of so many bytes, kept while the block of ``room`` runs."""

    nbytes: int


class Admission:
    """Belongs to one event loop."""

    def __init__(self, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self.rows = self.nbytes = 0

    @contextmanager
    def room(self, *, rows: int = 0, nbytes: int = 0) -> Iterator[Place]:
        """Keeps room. Raises BusyError when too much waits already; a request that is larger than
        all there is gets its turn when nothing else waits."""
        waiting = self.rows or self.nbytes
        over = self.rows + rows > self._most_rows or self.nbytes + nbytes > self._most_bytes
        if over and waiting:
            raise BusyError(
                f"{self.rows} rows of {self.nbytes} bytes wait for an answer already; try again"
                " later",
                retry_after=RETRY_SECONDS,
            )
        self.rows += rows
        self.nbytes += nbytes
        try:
            yield Place(nbytes)
        finally:
            self.rows -= rows
            self.nbytes -= nbytes
