"""TCP connections between two parts that can be refused, held, broken, slowed, or answered with
an error. One thread carries the bytes of all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

from tests.servers.process import free_port

PORTION = 1 << 16
PAUSE = 0.15
TORN_AFTER = 20_000
_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\n"
    b"Content-Length: 51\r\nConnection: close\r\n\r\n"
    b"<Error><Code>InternalError</Code></Error>           "
)


class Mode(StrEnum):
    OPEN = "open"
    REFUSED = "refused"
    """Nobody listens, and what was connected is reset."""
    HANGING = "hanging"
    """Connections are taken, and nothing passes, in no direction."""
    SLOW = "slow"
    """Every portion waits."""
    ERRORS = "errors"
    """Every HTTP request is answered with 500."""
    TORN = "torn"
    """A connection breaks when an answer has become longer than a few kilobytes."""


class Wire:
    """Listens on ``port`` and passes on to ``target``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self.port = free_port()
        self.mode = Mode.OPEN
        self._loop = loop
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def connections(self) -> int:
        """How many ends of connections there are."""
        return len(self._ends)

    def set(self, mode: Mode) -> None:
        """What happens from now on; connections that were made before break, except that those
        which hang go on afterwards."""
        self._call(self._set(mode))

    def cut(self) -> None:
        """Resets every connection; new ones are taken."""
        self._call(self._cut())

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _set(self, mode: Mode) -> None:
        before, self.mode = self.mode, mode
        if mode is Mode.HANGING:
            self._flowing.clear()
        else:
            self._flowing.set()
            if Mode.HANGING not in (before, mode) and before is not mode:
                await self._cut()
        if mode is Mode.REFUSED:
            await self.close()
        else:
            await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._cut()

    async def _cut(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if self.mode is Mode.ERRORS:
                    await _refuse(reader, writer)
                else:
                    await self._join(reader, writer)
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends.add(back)
        tasks = [
            asyncio.create_task(self._pump(reader, back, answers=False)),
            asyncio.create_task(self._pump(there, writer, answers=True)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=0.05)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ends.discard(back)
            back.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        size = 0
        while portion := await reader.read(PORTION):
            await self._flowing.wait()
            if self.mode is Mode.SLOW:
                await asyncio.sleep(PAUSE)
            size += len(portion)
            if self.mode is Mode.TORN and answers and size > TORN_AFTER:
                return
            writer.write(portion)
            await writer.drain()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_ERROR)
    await writer.drain()
    with suppress(TimeoutError):  # what is sent after that would reset the answer
        async with asyncio.timeout(0.2):
            while await reader.read(PORTION):
                pass


class Wires:
    """Makes wires; ``wires()`` keeps their thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._made: list[Wire] = []

    def to(self, target: int) -> Wire:
        """A wire that is open, to a port of this machine."""
        wire = Wire(self._loop, target)
        wire.set(Mode.OPEN)
        self._made.append(wire)
        return wire

    def close(self) -> None:
        for wire in self._made:
            wire.set(Mode.REFUSED)


@contextmanager
def wires() -> Iterator[Wires]:
    """Wires that are gone at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="wires")
    thread.start()
    made = Wires(loop)
    try:
        yield made
    finally:
        made.close()
        asyncio.run_coroutine_threadsafe(_finish(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _finish() -> None:
    """Waits for the connections that were just broken."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=10)
