"""Probes: is the process up, and are the servers behind it there?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from service.access.guard import Guarded
from service.bounded import bounded
from service.errors import UnavailableError
from service.resources import Resources, ResourcesDep

log = structlog.get_logger()
router = APIRouter(tags=["health"], route_class=Guarded)

PROBE_SECONDS = 5.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the service needs, each ``ok`` or what is the matter."""

    status: Literal["ok", "unavailable"]
    parts: Annotated[
        dict[str, str],
        Field(examples=[{"database": "ok", "store": "ok", "broker": "the queue does not answer"}]),
    ]


@router.get("/healthz")
async def health() -> Health:
    """Whether the process is up; asks nothing else."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "a part is missing"}})
async def readiness(resources: ResourcesDep, response: Response) -> Readiness:
    """Whether database, store and broker answer within 5 seconds."""
    probes = _probes(resources)
    found = await asyncio.gather(*(_probe(name, probe) for name, probe in probes.items()))
    parts = dict(zip(probes, found, strict=True))
    if all(part == "ok" for part in parts.values()):
        return Readiness(status="ok", parts=parts)
    response.status_code = 503
    return Readiness(status="unavailable", parts=parts)


async def require(resources: Resources, *names: str) -> None:
    """Raises UnavailableError, which names the first of these parts that does not answer."""
    probes = _probes(resources)
    found = await asyncio.gather(*(_probe(name, probes[name]) for name in names))
    for name, part in zip(names, found, strict=True):
        if part != "ok":
            raise UnavailableError(f"{name}: {part}")


def _probes(resources: Resources) -> dict[str, Callable[[], None]]:
    return {
        "database": resources.database.ping,
        "store": resources.store.ping,
        "broker": resources.queue.ping,
    }


async def _probe(name: str, probe: Callable[[], None]) -> str:
    try:
        await bounded(probe, seconds=PROBE_SECONDS)
    except TimeoutError:
        return f"no answer within {PROBE_SECONDS:.0f} seconds"
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not ready
        log.warning("probe_failed", part=name, error=type(error).__name__)
        return str(error) if isinstance(error, UnavailableError) else "does not answer"
    return "ok"
