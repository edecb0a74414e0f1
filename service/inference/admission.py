"""How much may wait for an answer: rows and bytes, over all engines."""

from __future__ import annotations

from typing import Self

from service.errors import BusyError

MOST_ROWS = 4096
MOST_BYTES = 256 << 20
RETRY_SECONDS = 1


class Admission:
    """Belongs to one event loop."""

    def __init__(self, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self.rows = self.nbytes = 0

    def room(self, *, rows: int = 0, nbytes: int = 0) -> Place:
        """Takes room, which is to be left by ``with``. Raises BusyError when too much waits
        already; a request that is larger than all there is gets its turn when nothing else
        waits."""
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
        return Place(self, rows, nbytes)

    def leave(self, rows: int, nbytes: int) -> None:
        """Called by the place."""
        self.rows -= rows
        self.nbytes -= nbytes


class Place:
    """Room for a request of so many rows and bytes, kept until the end of its ``with``."""

    def __init__(self, admission: Admission, rows: int, nbytes: int) -> None:
        self._admission = admission
        self._rows = rows
        self.nbytes = nbytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.leave(self._rows, self.nbytes)
