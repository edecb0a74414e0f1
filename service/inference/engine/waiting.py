"""Rows that wait to be computed: a queue a model, in the order of arrival."""

from __future__ import annotations

import itertools
from collections import deque

from service.inference.engine.requests import Request, Row


class Waiting:
    """Not locked: the scheduler does that. Every method but ``discard`` takes constant time for
    each row and model that it touches."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, Row]]] = {}
        self._arrivals = itertools.count()
        self.nbytes = 0

    def __contains__(self, model: str) -> bool:
        return model in self._queues

    def add(self, row: Row) -> None:
        self._queues.setdefault(row.model, deque()).append((next(self._arrivals), row))
        self.nbytes += row.pixels.nbytes

    def by_age(self) -> list[str]:
        """The models that rows wait for, that of the oldest row first."""
        return sorted(self._queues, key=self.age)

    def age(self, model: str) -> int:
        """When its oldest row came: smaller is earlier."""
        return self._queues[model][0][0]

    def first(self, model: str) -> Row:
        return self._queues[model][0][1]

    def pop(self, model: str, most: int | None = None) -> list[Row]:
        """The oldest rows of a model, all of them unless ``most`` is given; they wait no more."""
        queue = self._queues.get(model, deque())
        rows = [queue.popleft()[1] for _ in range(min(len(queue), most or len(queue)))]
        if not queue:
            self._queues.pop(model, None)
        self.nbytes -= sum(row.pixels.nbytes for row in rows)
        return rows

    def discard(self, request: Request) -> None:
        """Removes the rows of one request."""
        model = request.question.model
        rows = self._queues.pop(model, deque())
        kept = deque(entry for entry in rows if entry[1].request is not request)
        if kept:
            self._queues[model] = kept
        self.nbytes -= sum(row.pixels.nbytes for _, row in rows if row.request is request)
