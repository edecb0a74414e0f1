"""One engine process: its socket, and the requests that it owes an answer."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
from collections.abc import Sequence
from contextvars import Context

import structlog
from pydantic import BaseModel, ValidationError

from service.inference import frames
from service.inference.frames import FrameError
from service.inference.messages import (
    FROM_ENGINE,
    Answer,
    Cancel,
    Failure,
    Forget,
    Loaded,
    Predict,
    Ready,
)

log = structlog.get_logger()

_GRACE_SECONDS = 1.0

Outcome = asyncio.Future[Answer | Failure]


class EngineLostError(Exception):
    """The engine ended before it answered."""


class Connection:
    """Belongs to the event loop that opened it. Once it is lost it stays lost."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._owed: dict[int, Outcome] = {}
        self._numbers = itertools.count(1)
        self.lost = False
        self.heard_at = _now()
        # in a context of its own: its log lines are not those of the request that came first
        self._life = asyncio.create_task(self._live(), context=Context())

    @classmethod
    async def open(cls, process: subprocess.Popen[bytes], ours: socket.socket) -> Connection:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        log.info("engine_started", pid=process.pid)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    # Saying

    def number(self) -> int:
        """A number for the next request."""
        return next(self._numbers)

    def ask(self, question: Predict, images: Sequence[bytes]) -> Outcome:
        """Sends the request; the outcome raises EngineLostError when the engine ends first."""
        outcome: Outcome = asyncio.get_running_loop().create_future()
        if self.lost:
            outcome.set_exception(EngineLostError())
            return outcome
        self._owed[question.id] = outcome
        self._send(question, images)
        return outcome

    def give_up(self, number: int) -> None:
        """Nobody waits for that outcome any more; the engine is told if it still works on it."""
        if self._owed.pop(number, None) is not None:
            self._send(Cancel(id=number))

    def forget(self, sha256: str) -> None:
        self._send(Forget(model=sha256))

    def _send(self, message: BaseModel, payload: Sequence[bytes] = ()) -> None:
        if not self.lost:  # no drain: the requests that may wait are bounded (client.py)
            self._writer.writelines(frames.encode(message, payload))

    # Listening

    async def _live(self) -> None:
        await self._listen()
        self._lose()
        code = await asyncio.to_thread(self._end)
        log.info("engine_ended", pid=self.pid, exit_code=code)

    async def _listen(self) -> None:
        try:
            while (frame := await frames.receive(self._reader)) is not None:
                self.heard_at = _now()
                self._take(FROM_ENGINE.validate_json(frame[0]))
        except (FrameError, ValidationError) as error:
            log.error("engine_talks_nonsense", pid=self.pid, error=str(error)[:500])

    def _take(self, message: Ready | Loaded | Answer | Failure) -> None:
        match message:
            case Ready():
                log.info("engine_ready", pid=self.pid, device=message.device)
            case Loaded():
                log.info("model_loaded", sha256=message.model, seconds=message.seconds)
            case Answer() | Failure():
                outcome = self._owed.pop(message.id, None)
                if outcome is not None and not outcome.done():
                    outcome.set_result(message)

    # The end

    def kill(self) -> None:
        """At once; the requests in flight learn of it."""
        self._process.kill()
        self._lose()

    async def close(self) -> None:
        """Lets the engine go, or makes it, and returns when it is gone."""
        self._lose()
        await self._life

    def _end(self) -> int:
        try:
            return self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _lose(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._writer.transport.abort()  # close() would first wait for the engine to read
        for outcome in self._owed.values():
            if not outcome.done():
                outcome.set_exception(EngineLostError())
        self._owed.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
