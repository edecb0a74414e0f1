"""Models that are in memory before anybody asks, and again after an engine died."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from service.errors import ServiceError
from service.inference.service import Inference
from service.records import ModelRecord

log = structlog.get_logger()

PAUSE_SECONDS = 1.0
"""before an engine that died is started again, so that one that dies at once costs little"""
RETRY_SECONDS = 30.0
"""before what could not be loaded is tried again"""

Find = Callable[[str], Awaitable[ModelRecord]]


class Preloader:
    """``wanted`` are names or ids that ``find`` knows. Belongs to one event loop."""

    def __init__(self, inference: Inference, find: Find, wanted: Sequence[str]) -> None:
        self._inference = inference
        self._find = find
        self._wanted = wanted
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins loading, if anything is wanted."""
        if self._wanted:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            loaded = [await self._load(name) for name in self._wanted]
            with suppress(TimeoutError):
                async with asyncio.timeout(None if all(loaded) else RETRY_SECONDS):
                    await self._inference.an_engine_ended()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _load(self, name: str) -> bool:
        try:
            await self._inference.load(await self._find(name))
        except ServiceError as error:
            log.warning("preload_failed", name=name, error=error.detail)
            return False
        return True
