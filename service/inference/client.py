"""The web process's side of the engine: started on first use and again after it died, asked by
any number of requests at once, never by more than it can hold."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polarizer.description import InputSpec
from service.errors import BusyError, UnavailableError
from service.inference.connection import Connection, EngineLostError
from service.inference.messages import Answer, Cause, Failure, Predict, Ranking
from service.inference.process import spawn
from service.settings import Settings

MOST_IMAGES = 1024
MOST_BYTES = 256 << 20
RETRY_SECONDS = 1


Spawn = Callable[[Settings], tuple[subprocess.Popen[bytes], socket.socket]]


class EngineFailureError(Exception):
    """The engine answered that it cannot; ``image`` is the one at fault, from 0."""

    def __init__(self, cause: Cause, message: str, image: int | None) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.image = image


@dataclass(frozen=True)
class Servable:
    """A model as the engine needs it: the digest of its artefact, where that lies, what it takes,
    and how many classes it knows."""

    sha256: str
    file: Path
    input: InputSpec
    classes: int


class EngineClient:
    """Belongs to one event loop. ``close`` ends the engine."""

    def __init__(
        self,
        settings: Settings,
        *,
        spawn: Spawn = spawn,
        most_images: int = MOST_IMAGES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._settings = settings
        self._spawn = spawn
        self._most_images = most_images
        self._most_bytes = most_bytes
        self._images = self._bytes = 0
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()

    async def rank(
        self, model: Servable, images: Sequence[bytes], *, top: int, tensor: str = ""
    ) -> list[Ranking]:
        """The ``top`` classes of each image.

        Raises EngineFailureError, BusyError (too much waits already), UnavailableError (the engine
        ended, or did not answer within ``engine_timeout_seconds``). A caller that is cancelled
        frees its place, and the engine drops what it had not begun.
        """
        with self._admitted(images):
            outcome = await self._ask(await self._connected(), model, images, top, tensor)
        if isinstance(outcome, Failure):
            raise EngineFailureError(outcome.cause, outcome.message, outcome.image)
        return _checked(outcome, model, len(images))

    @property
    def images_waiting(self) -> int:
        """How many images wait for an answer."""
        return self._images

    @property
    def pid(self) -> int | None:
        """The engine's process; None while there is none."""
        if self._connection is None or self._connection.lost:
            return None
        return self._connection.pid

    def forget(self, sha256: str) -> None:
        """The engine shall free the memory of this model, if it has it."""
        if self._connection is not None:
            self._connection.forget(sha256)

    async def close(self) -> None:
        async with self._opening:
            if self._connection is not None:
                await self._connection.close()

    @contextmanager
    def _admitted(self, images: Sequence[bytes]) -> Iterator[None]:
        size = sum(map(len, images))
        if self._images + len(images) > self._most_images or self._bytes + size > self._most_bytes:
            raise BusyError(
                f"{self._images} images wait for an answer already; try again later",
                retry_after=RETRY_SECONDS,
            )
        self._images += len(images)
        self._bytes += size
        try:
            yield
        finally:
            self._images -= len(images)
            self._bytes -= size

    async def _connected(self) -> Connection:
        async with self._opening:
            if self._connection is None or self._connection.lost:
                # not in another thread: the engine ends with the thread that started it
                self._connection = await Connection.open(*self._spawn(self._settings))
            return self._connection

    async def _ask(
        self,
        connection: Connection,
        model: Servable,
        images: Sequence[bytes],
        top: int,
        tensor: str,
    ) -> Answer | Failure:
        question = Predict(
            id=connection.number(),
            model=model.sha256,
            file=str(model.file),
            input=model.input,
            sizes=tuple(map(len, images)),
            top=top,
            tensor=tensor,
        )
        seconds = self._settings.engine_timeout_seconds
        asked_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds):
                return await connection.ask(question, images)
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
            connection.give_up(question.id)


def _checked(answer: Answer, model: Servable, images: int) -> list[Ranking]:
    """What the engine says is believed only as far as it makes sense."""
    fits = len(answer.rankings) == images and all(
        index < model.classes for ranking in answer.rankings for index, _ in ranking
    )
    if not fits:
        raise UnavailableError("the inference engine gave an answer that does not fit the model")
    return list(answer.rankings)
