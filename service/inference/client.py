"""The web process's side of one engine: started on first use and again after it died, asked by
any number of requests at once."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polarizer.description import InputSpec
from service.errors import BusyError, UnavailableError
from service.inference.admission import MOST_BYTES, RETRY_SECONDS
from service.inference.arena import ALIGNMENT, Arena, Block
from service.inference.connection import Connection, EngineLostError, Outcome, Output
from service.inference.messages import (
    Cause,
    Evicted,
    Failure,
    Infer,
    Loaded,
    Network,
    Notice,
    Predict,
    Question,
    answer_bytes,
)
from service.inference.process import spawn
from service.inference.ranking import is_finite
from service.inference.rows import Answer, Images, Rows
from service.inference.tracing import traced_question
from service.settings import Settings

ARENA_BYTES = 2 * MOST_BYTES
"""What may wait, its answers, and what was given up and is not let go of yet."""

Spawn = Callable[[Settings, str, Arena], tuple[subprocess.Popen[bytes], socket.socket]]


class EngineFailureError(Exception):
    """The engine answered that it cannot; ``image`` is the one at fault, from 0."""

    def __init__(self, cause: Cause, message: str, image: int | None) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.image = image


@dataclass(frozen=True)
class Servable:
    """A model as the engine needs it: its files, what it takes, and how many classes it knows."""

    network: Network
    input: InputSpec
    classes: int


class EngineClient:
    """Belongs to one event loop. ``close`` ends the engine."""

    def __init__(
        self,
        settings: Settings,
        device: str,
        on_notice: Callable[[Notice], None],
        *,
        spawn: Spawn = spawn,
        arena_bytes: int = ARENA_BYTES,
    ) -> None:
        self._settings = settings
        self._on_notice = on_notice
        self._spawn = spawn
        self._arena_bytes = arena_bytes
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()
        self.device = device
        self.loaded: set[str] = set()
        """digests of the models in its memory"""
        self.rows_waiting = 0
        self.starts = 0

    async def ask(self, model: Servable, job: Rows | Images) -> tuple[Answer, float]:
        """The answer, and how many seconds its first row waited in the engine.

        Raises EngineFailureError, BusyError (no room for its bytes), UnavailableError (the engine
        ended, or did not answer within ``engine_timeout_seconds``). A caller that is cancelled
        frees its place at once, and the engine drops what it had not begun.
        """
        self.rows_waiting += job.count
        try:
            connection = await self.connected()
            outcome = await self._asked(connection, model, job)
        finally:
            self.rows_waiting -= job.count
        if isinstance(outcome, Failure):
            raise EngineFailureError(outcome.cause, outcome.message, outcome.image)
        return _checked(outcome, model, job), outcome.queued

    async def connected(self) -> Connection:
        """The engine, started unless it runs. Raises UnavailableError."""
        if self._connection is not None and not self._connection.lost:
            return self._connection
        async with self._opening:
            if self._connection is None or self._connection.lost:
                self._connection = await self._start()
            return self._connection

    @property
    def pid(self) -> int | None:
        """The engine's process; None while there is none."""
        return self._connection.pid if self._connection and not self._connection.lost else None

    @property
    def arena(self) -> Arena | None:
        """The memory shared with the engine that runs."""
        return self._connection.arena if self._connection and not self._connection.lost else None

    async def ended(self) -> None:
        """Returns when the engine that runs has ended; at once when there is none."""
        if self._connection is not None:
            await self._connection.ended()

    def forget(self, sha256: str) -> None:
        """The engine shall free the memory of this model, if it has it."""
        self.loaded.discard(sha256)
        if self._connection is not None:
            self._connection.forget(sha256)

    async def close(self) -> None:
        async with self._opening:
            if self._connection is not None:
                await self._connection.close()

    async def _start(self) -> Connection:
        self.loaded.clear()
        self.starts += 1
        arena = Arena(self._arena_bytes)
        try:
            # not in another thread: the engine ends with the thread that started it
            process, ours = self._spawn(self._settings, self.device, arena)
        finally:
            arena.close_descriptor()
        return await Connection.open(process, ours, arena, self._notice)

    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Loaded) and not notice.again:
            self.loaded.add(notice.model)
        elif isinstance(notice, Evicted):
            self.loaded.discard(notice.model)
        self._on_notice(notice)

    async def _asked(
        self, connection: Connection, model: Servable, job: Rows | Images
    ) -> Output | Failure:
        seconds = self._settings.engine_timeout_seconds
        asked_at = asyncio.get_running_loop().time()
        number = connection.number()
        try:
            async with asyncio.timeout(seconds):
                return await _put(connection, number, model, job, seconds)
        except TimeoutError as error:
            if connection.heard_at < asked_at:  # not a word to anybody: it hangs
                connection.kill()
            raise UnavailableError(f"the model did not answer within {seconds:g} s") from error
        except EngineLostError as error:
            raise UnavailableError(
                "the inference engine ended while it worked on this; send it again",
                retry_after=RETRY_SECONDS,
            ) from error
        finally:
            connection.give_up(number)


def _put(
    connection: Connection, number: int, model: Servable, job: Rows | Images, seconds: float
) -> Outcome:
    """Copies the job into shared memory and asks."""
    sizes = tuple(len(part) for part in job.parts)
    length = -(-sum(sizes) // ALIGNMENT) * ALIGNMENT
    answer = answer_bytes(model.network, job.count, model.classes)
    block = connection.arena.take(length + answer)
    if block is None:
        raise BusyError("no memory is left for more requests", retry_after=RETRY_SECONDS)
    _fill(block, job, sizes)
    question = _question(number, model, job, sizes, seconds, block.begin, block.begin + length)
    trace, on_steps = traced_question()
    if trace is not None:
        question = question.model_copy(update={"trace": trace})
    return connection.ask(question, block, on_steps)


def _question(
    number: int,
    model: Servable,
    job: Rows | Images,
    sizes: tuple[int, ...],
    seconds: float,
    begin: int,
    answer: int,
) -> Question:
    common = {
        "id": number,
        "network": model.network,
        "input": model.input,
        "classes": model.classes,
        "seconds": seconds,
        "begin": begin,
        "answer": answer,
    }
    if isinstance(job, Images):
        return Predict(**common, sizes=sizes)
    return Infer(**common, dtype=job.dtype, count=job.count)


def _fill(block: Block, job: Rows | Images, sizes: tuple[int, ...]) -> None:
    begin = block.begin
    parts: Sequence[bytes | memoryview] = job.parts
    for part, size in zip(parts, sizes, strict=True):
        block.view(begin, begin + size)[:] = part
        begin += size


def _checked(output: Output, model: Servable, job: Rows | Images) -> Answer:
    """What the engine says is believed only as far as it makes sense."""
    size = 4 * job.count * model.classes
    logits, rest = output.data[:size], output.data[size:]
    base = rest[:size] if rest else None
    if not is_finite(logits) or (base and not is_finite(base)):
        raise UnavailableError("the inference engine gave an answer that is no number")
    flagged = tuple(byte != 0 for byte in rest[size:]) if base is not None else None
    return Answer(job.count, model.classes, logits, base, flagged)
