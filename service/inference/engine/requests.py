"""A request inside the engine: it collects one ranking an image, and answers once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from service.inference.messages import Answer, Cause, Failure, Predict, Ranking

Send = Callable[[Answer | Failure], None]


class Request:
    """Touched by the threads that read, decode, load and compute."""

    def __init__(self, question: Predict, send: Send) -> None:
        self.question = question
        self._send = send
        self._rankings: dict[int, Ranking] = {}
        self._over = False
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Answered, failed or given up: nothing more needs doing."""
        return self._over

    def rank(self, image: int, ranking: Ranking) -> None:
        """The classes of one image; the last one completes the answer."""
        with self._lock:
            self._rankings[image] = ranking
            if len(self._rankings) < len(self.question.sizes) or self._over:
                return
            self._over = True
        rankings = tuple(self._rankings[image] for image in sorted(self._rankings))
        self._send(Answer(id=self.question.id, rankings=rankings))

    def fail(self, cause: Cause, message: str, image: int | None = None) -> None:
        """The first failure is the answer."""
        with self._lock:
            if self._over:
                return
            self._over = True
        self._send(Failure(id=self.question.id, cause=cause, message=message, image=image))

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            self._over = True


@dataclass(frozen=True, eq=False)
class Row:
    """One decoded image: uint8 ``(C, H, W)`` of the model's size."""

    request: Request
    image: int
    pixels: Tensor

    @property
    def model(self) -> str:
        return self.request.question.model
