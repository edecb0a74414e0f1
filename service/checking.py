"""Whether what the settings name can be used from here: for ``python -m service check``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from service.bounded import bounded
from service.database import Database
from service.queue import Queue, create_celery
from service.settings import Settings
from service.storage import open_store

SECONDS = 10.0


def check(settings: Settings) -> dict[str, str]:
    """Database, store and broker, each ``ok`` or what is the matter. Makes folders that are
    missing, and no schema."""
    probes: dict[str, Callable[[], None]] = {
        "database": lambda: _require_schema(settings),
        "store": lambda: open_store(settings).ping(),
        "broker": lambda: Queue(create_celery(settings)).ping(),
    }
    return {name: asyncio.run(_outcome(probe)) for name, probe in probes.items()}


def _require_schema(settings: Settings) -> None:
    database = Database(settings.database)
    try:
        database.require_current_schema()
    finally:
        database.dispose()


async def _outcome(probe: Callable[[], None]) -> str:
    try:
        await bounded(probe, seconds=SECONDS)
    except TimeoutError:
        return f"no answer within {SECONDS:.0f} seconds"
    except Exception as error:  # noqa: BLE001 - told, not handled
        cause = getattr(error, "orig", None) or error
        return " ".join(str(cause).split())[:500] or type(error).__name__
    return "ok"
