"""Rows that wait to be computed: a queue a model, in the order of arrival."""

from __future__ import annotations

import itertools
from collections import Counter, deque

from service.inference.engine.requests import Piece, Request


class Waiting:
    """Not locked: the scheduler does that. Pieces are split only where a batch is full."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, Piece]]] = {}
        self._arrivals = itertools.count()
        self._rows: Counter[str] = Counter()
        self.nbytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._queues

    def rows(self, key: str) -> int:
        return self._rows[key]

    def add(self, piece: Piece) -> None:
        self._queues.setdefault(piece.key, deque()).append((next(self._arrivals), piece))
        self._count(piece, 1)

    def by_age(self) -> list[str]:
        """The models that rows wait for, that of the oldest row first."""
        return sorted(self._queues, key=self.age)

    def age(self, key: str) -> int:
        """When its oldest row came: smaller is earlier."""
        return self._queues[key][0][0]

    def first(self, key: str) -> Piece:
        return self._queues[key][0][1]

    def requests(self, key: str) -> set[Request]:
        """Those whose rows wait for this model."""
        return {piece.request for _, piece in self._queues.get(key, ())}

    def pop(self, key: str, most: int | None = None) -> list[Piece]:
        """The oldest rows of a model, all of them unless ``most`` is given; they wait no more."""
        queue = self._queues.get(key, deque())
        left = self._rows[key] if most is None else most
        taken: list[Piece] = []
        while queue and (left > 0 or not queue[0][1].rows):
            arrival, piece = queue.popleft()
            self._count(piece, -1)
            if piece.rows > left:
                piece, rest = piece.split(left)
                queue.appendleft((arrival, rest))
                self._count(rest, 1)
            left -= piece.rows
            taken.append(piece)
        self._forget_if_empty(key)
        return taken

    def discard(self, request: Request) -> None:
        """Removes the rows of one request."""
        key = request.question.network.key
        queue = self._queues.get(key, deque())
        for entry in [entry for entry in queue if entry[1].request is request]:
            queue.remove(entry)
            self._count(entry[1], -1)
        self._forget_if_empty(key)

    def _count(self, piece: Piece, sign: int) -> None:
        self._rows[piece.key] += sign * piece.rows
        self.nbytes += sign * piece.nbytes

    def _forget_if_empty(self, key: str) -> None:
        if not self._queues.get(key):
            self._queues.pop(key, None)
            self._rows.pop(key, None)
