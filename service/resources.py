"""What a request may use: built once in the application's lifespan, kept on ``app.state``."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from service.blobs import Blobs
from service.database import Database
from service.inference.service import Inference
from service.names.directory import Directory
from service.queue import Queue
from service.settings import Settings
from service.storage import Store

ANONYMOUS = "default"
"""The one tenant there is while the service knows no keys."""


@dataclass(frozen=True)
class Resources:
    """Everything that lives as long as the application; ``closing`` is set when it shuts down,
    so that answers that never end by themselves (events) end; ``inflating`` is held by those who
    turn a compressed body into one of any size."""

    settings: Settings
    database: Database
    store: Store
    blobs: Blobs
    queue: Queue
    inference: Inference
    directory: Directory
    closing: threading.Event
    inflating: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))


# Coroutines, because FastAPI runs what is none in a thread: two hops for every request.


async def resources_of(request: Request) -> Resources:
    """Of the application that the request came to."""
    resources: Resources = request.app.state.resources
    return resources


async def tenant_of(_request: Request) -> str:
    """Whose request it is."""
    return ANONYMOUS


ResourcesDep = Annotated[Resources, Depends(resources_of)]
TenantDep = Annotated[str, Depends(tenant_of)]
