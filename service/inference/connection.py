"""One engine process: its socket, its memory, and the requests that it owes an answer."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import subprocess
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, replace

import structlog
from pydantic import BaseModel, ValidationError

from service.inference import frames
from service.inference.arena import Arena, Block
from service.inference.frames import FrameError
from service.inference.messages import (
    FROM_ENGINE,
    Answer,
    Cancel,
    Computed,
    Dropped,
    Evicted,
    Failure,
    Forget,
    Last,
    Loaded,
    Notice,
    Question,
    Ready,
    Said,
    Traced,
)
from service.inference.tracing import OnSteps

log = structlog.get_logger()

_GRACE_SECONDS = 1.0
MOST_LINES = 200
"""Of the log, that one engine may say."""


class EngineLostError(Exception):
    """The engine ended before it answered."""


@dataclass(frozen=True, eq=False)
class Output:
    """The bytes of an answer, and how long its first row waited in the engine."""

    data: bytes
    queued: float


Outcome = asyncio.Future[Output | Failure]


@dataclass(frozen=True, eq=False)
class _Owed:
    question: Question
    block: Block
    outcome: Outcome
    on_steps: OnSteps | None


class Connection:
    """Belongs to the event loop that opened it. Once it is lost it stays lost.

    A request's block is the engine's until the engine says that it is done with it, also when
    nobody waits for the answer any more.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        arena: Arena,
        on_notice: Callable[[Notice], None],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._on_notice = on_notice
        self._owed: dict[int, _Owed] = {}
        self._numbers = itertools.count(1)
        self._outbox: list[bytes] = []
        self._lines = 0
        self._loop = asyncio.get_running_loop()
        self.arena = arena
        self.lost = False
        self.heard_at = _now()
        # in a context of its own: its log lines are not those of the request that came first
        self._life = asyncio.create_task(self._live(), context=Context())

    @classmethod
    async def open(
        cls,
        process: subprocess.Popen[bytes],
        ours: socket.socket,
        arena: Arena,
        on_notice: Callable[[Notice], None],
    ) -> Connection:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        log.info("engine_started", pid=process.pid)
        return cls(process, reader, writer, arena, on_notice)

    @property
    def pid(self) -> int:
        return self._process.pid

    # Saying

    def number(self) -> int:
        """A number for the next request."""
        return next(self._numbers)

    def ask(self, question: Question, block: Block, on_steps: OnSteps | None = None) -> Outcome:
        """Sends the request, whose input is in ``block`` already; the block is freed at its end.
        ``on_steps`` hears of a traced one what it went through. The outcome raises EngineLostError
        when the engine ends first."""
        outcome: Outcome = self._loop.create_future()
        if self.lost:
            outcome.set_exception(EngineLostError())
            return outcome
        self._owed[question.id] = _Owed(question, block, outcome, on_steps)
        self._send(question)
        return outcome

    def give_up(self, number: int) -> None:
        """Nobody waits for that outcome any more; the engine is told if it still works on it."""
        if number in self._owed:
            self._send(Cancel(id=number))

    def forget(self, sha256: str) -> None:
        self._send(Forget(model=sha256))

    def _send(self, message: BaseModel) -> None:
        """What is said within one turn of the event loop goes out together."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(frames.encode(message))

    def _flush(self) -> None:
        said, self._outbox = self._outbox, []
        if not self.lost:  # no drain: the requests that may wait are bounded (admission.py)
            self._writer.write(b"".join(said))

    # Listening

    async def _live(self) -> None:
        await self._listen()
        self._lose()
        code = await asyncio.to_thread(self._end)
        if code == -signal.SIGSYS:
            log.error("engine_left_sandbox", pid=self.pid)
        log.info("engine_ended", pid=self.pid, exit_code=code)

    async def _listen(self) -> None:
        splitter = frames.Splitter()
        try:
            while data := await self._read():
                self.heard_at = _now()
                for text in splitter.feed(data):
                    self._take(FROM_ENGINE.validate_json(text))
        except (FrameError, ValidationError) as error:
            log.error("engine_talks_nonsense", pid=self.pid, error=str(error)[:500])

    async def _read(self) -> bytes:
        """Nothing at the end."""
        try:
            return await self._reader.read(frames.AT_ONCE)
        except ConnectionError:
            return b""

    def _take(self, message: Ready | Notice | Traced | Said | Last) -> None:
        match message:
            case Ready():
                log.info("engine_ready", pid=self.pid, device=message.device)
            case Loaded() | Evicted() | Computed():
                self._on_notice(message)
            case Traced():
                self._tell(message)
            case Said():
                self._log(message)
            case Answer() | Failure() | Dropped():
                owed = self._owed.pop(message.id, None)
                if owed is not None:
                    _settle(owed, message)

    def _log(self, said: Said) -> None:
        """Its first lines: it may be under the command of what it has read."""
        self._lines += 1
        if self._lines > MOST_LINES:
            return
        say = log.warning if said.level == "warning" else log.error
        message = "".join(sign if sign.isprintable() else "?" for sign in said.message)
        say("engine_says", pid=self.pid, source=said.source, message=message)

    def _tell(self, traced: Traced) -> None:
        """Once a question, and only where somebody waits for its answer."""
        owed = self._owed.get(traced.id)
        if owed is not None and owed.on_steps is not None and not owed.outcome.done():
            self._owed[traced.id] = replace(owed, on_steps=None)
            owed.on_steps(traced.steps)

    # The end

    async def ended(self) -> None:
        """Returns when the engine is gone."""
        await asyncio.shield(self._life)

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
        for owed in self._owed.values():
            owed.block.free()
            if not owed.outcome.done():
                owed.outcome.set_exception(EngineLostError())
        self._owed.clear()


def _settle(owed: _Owed, message: Last) -> None:
    """Takes the answer out of the block before the block is given to somebody else."""
    if not owed.outcome.done():
        if isinstance(message, Answer):
            begin = owed.question.answer
            data = bytes(owed.block.view(begin, begin + owed.question.answer_bytes))
            owed.outcome.set_result(Output(data, message.queued))
        elif isinstance(message, Failure):
            owed.outcome.set_result(message)
        else:
            owed.outcome.set_exception(EngineLostError())
    owed.block.free()


def _now() -> float:
    return asyncio.get_running_loop().time()
