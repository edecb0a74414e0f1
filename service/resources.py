"""What a request may use: built once in the application's lifespan, kept on ``app.state``."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from service.access.access import Access
from service.access.callers import DEFAULT_TENANT, Caller
from service.access.guard import caller_of
from service.blobs import Blobs
from service.database import Database
from service.inference.service import Inference
from service.metrics.jobs import JobMetrics
from service.models.exporting import Turns
from service.names.directory import Directory
from service.queue import Queue
from service.retention.metrics import RemovalMetrics
from service.settings import Settings
from service.storage import Store
from service.uploads.multipart.completing import Completing
from service.uploads.multipart.receiving import Receiving
from service.uploads.multipart.service import Multiparts
from service.waking import Waking

ANONYMOUS = DEFAULT_TENANT
"""Whose everything is that is done without a key."""


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
    waking: Waking
    inference: Inference
    directory: Directory
    multiparts: Multiparts
    receiving: Receiving
    completing: Completing
    access: Access
    closing: threading.Event
    jobs: JobMetrics
    removals: RemovalMetrics = field(default_factory=RemovalMetrics)
    inflating: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    exports: Turns = field(default_factory=Turns)


# Coroutines, because FastAPI runs what is none in a thread: two hops for every request.


async def resources_of(request: Request) -> Resources:
    """Of the application that the request came to."""
    resources: Resources = request.app.state.resources
    return resources


async def tenant_of(request: Request) -> str:
    """Whose request it is. There is none on a route that is not guarded."""
    return (await caller_of(request)).tenant


ResourcesDep = Annotated[Resources, Depends(resources_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
TenantDep = Annotated[str, Depends(tenant_of)]
