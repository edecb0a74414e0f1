"""A request inside the engine: its rows are computed in pieces, and it ends once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from service.inference.engine.memory import Memory
from service.inference.engine.steps import Steps
from service.inference.messages import Answer, Cause, Dropped, Failure, Infer, Last, Question


@dataclass(frozen=True, eq=False)
class Logits:
    """Of some rows: float32 ``(N, K)`` on the CPU; with an alarm the base model's too, and bool
    ``(N,)``."""

    logits: Tensor
    base: Tensor | None = None
    flagged: Tensor | None = None

    def is_finite(self, begin: int = 0, end: int | None = None) -> bool:
        """Whether all numbers of these rows are numbers."""
        tensors = (self.logits, self.base)
        return all(bool(each[begin:end].isfinite().all()) for each in tensors if each is not None)

    def encoded(self) -> Encoded:
        flags = None if self.flagged is None else self.flagged.to(torch.uint8)
        base = None if self.base is None else _bytes(self.base)
        return Encoded(
            len(self.logits), _bytes(self.logits), base, None if flags is None else _bytes(flags)
        )


@dataclass(frozen=True, eq=False)
class Encoded:
    """The same as bytes, once a batch: cutting these up costs a request a tenth of what cutting
    tensors costs."""

    rows: int
    logits: memoryview
    base: memoryview | None
    flagged: memoryview | None

    def part(self, begin: int, end: int) -> Encoded:
        size = len(self.logits) // max(1, self.rows)
        return Encoded(
            end - begin,
            self.logits[size * begin : size * end],
            None if self.base is None else self.base[size * begin : size * end],
            None if self.flagged is None else self.flagged[begin:end],
        )


def _bytes(numbers: Tensor) -> memoryview:
    return numbers.contiguous().numpy().data.cast("B") if numbers.numel() else memoryview(b"")


class Request:
    """Touched by the threads that read, decode, load and compute.

    Its memory is the web process's again as soon as its last message is sent. So whoever reads or
    writes there holds the request, and the last message waits until nobody does.
    """

    def __init__(self, question: Question, memory: Memory, send: Callable[[Last], None]) -> None:
        self.question = question
        self.steps = Steps() if question.trace else None
        """what a trace is told of it"""
        self._memory = memory
        self._send = send
        self._lock = threading.Lock()
        self._left = question.rows
        self._holders = 0
        self._last: Last | None = None
        self._arrived = time.monotonic()
        self._queued: float | None = None

    @property
    def is_over(self) -> bool:
        """Answered, failed or given up: nothing more needs doing."""
        return self._last is not None

    @property
    def is_late(self) -> bool:
        """Nobody waits any more."""
        return time.monotonic() - self._arrived > self.question.seconds

    def rows(self) -> Tensor:
        """The input of an :class:`Infer`: ``(N, C, H, W)``, in shared memory."""
        question = self.question
        if not isinstance(question, Infer):
            raise TypeError("only tensors lie in memory as rows")
        spec = question.input
        shape = (question.count, spec.channels, spec.height, spec.width)
        return self._memory.tensor(question.begin, getattr(torch, question.dtype), shape)

    def encoded(self, begin: int, nbytes: int) -> bytes:
        """A part of the input, copied; ``begin`` counts from the start of the input."""
        return self._memory.copy(self.question.begin + begin, nbytes)

    # Holding

    def hold(self) -> bool:
        """Whether the request still needs work; then it must be let go of."""
        with self._lock:
            if self.is_over:
                return False
            self._holders += 1
            return True

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            last = self._last if not self._holders else None
        if last is not None:
            self._send(last)

    # Ending. Only the first of these counts.

    def begin(self) -> None:
        """Its first batch is being computed."""
        if self._queued is None:
            self._queued = time.monotonic() - self._arrived

    def answer(self, start: int, found: Encoded) -> None:
        """The logits of rows from ``start``; those of the last rows complete the answer. The
        caller holds the request."""
        self._write(start, found)
        with self._lock:
            self._left -= found.rows
            is_complete = not self._left
        if is_complete:
            self._end(Answer(id=self.question.id, queued=self._queued or 0.0))

    def fail(self, cause: Cause, message: str, image: int | None = None) -> None:
        failure = Failure(id=self.question.id, cause=cause, message=message[:1000], image=image)
        self._end(failure)

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        self._end(Dropped(id=self.question.id))

    def _end(self, message: Last) -> None:
        with self._lock:
            if self.is_over:
                return
            self._last = message
            if self._holders:
                return
        self._send(message)

    def _write(self, start: int, found: Encoded) -> None:
        """In the layout that ``answer_bytes`` of the question describes."""
        question, write = self.question, self._memory.write
        where, row = question.answer, 4 * question.classes
        size = row * question.rows
        write(where + row * start, found.logits)
        if found.base is not None and found.flagged is not None and question.network.alarm:
            write(where + size + row * start, found.base)
            write(where + 2 * size + start, found.flagged)


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows of one request that lie together: uint8 or float32 ``(N, C, H, W)``, from ``start``."""

    request: Request
    start: int
    pixels: Tensor
    is_ours: bool = False
    """decoded here, so that it takes memory beside the shared one"""

    @property
    def key(self) -> str:
        return self.request.question.network.key

    @property
    def rows(self) -> int:
        return len(self.pixels)

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes if self.is_ours else 0

    def split(self, rows: int) -> tuple[Piece, Piece]:
        """The first ``rows``, and the rest."""
        first = Piece(self.request, self.start, self.pixels[:rows], self.is_ours)
        rest = Piece(self.request, self.start + rows, self.pixels[rows:], self.is_ours)
        return first, rest
