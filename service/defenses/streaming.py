"""Waiting for a defense: its events as they come, and its end.

Workers write events from other processes and machines, so this asks the database every half
second. A plain StreamingResponse suffices: sse-starlette would watch for shutdown by patching
uvicorn, which ``Resources.closing`` tells us without.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
from anyio import to_thread
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.defenses import repository, service
from service.defenses.schemas import Defense, Event
from service.defenses.states import Status
from service.errors import NotFoundError
from service.pagination import Page
from service.resources import Resources

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
BATCH = 100


def read_events(
    resources: Resources, tenant: str, defense_id: str, after: int, limit: int
) -> tuple[Page[Event], bool]:
    """Events whose sequence number is larger than ``after``, and whether the defense had ended
    before they were read (then none can follow the last of them). Raises NotFoundError."""
    with resources.database.read() as session:
        over = Status(repository.get(session, tenant, defense_id).status).is_terminal
        found, has_more = repository.events(session, defense_id, after=after, limit=limit)
        page: Page[Event] = Page(data=[Event.of(record) for record in found], has_more=has_more)
    return page, over and not has_more


async def event_stream(
    resources: Resources, tenant: str, defense_id: str, after: int
) -> AsyncIterator[bytes]:
    """Server-sent events from the one after ``after`` to the last one of the defense."""
    heard = time.monotonic()
    while not resources.closing.is_set():
        try:
            page, over = await to_thread.run_sync(
                read_events, resources, tenant, defense_id, after, BATCH
            )
        except NotFoundError:  # forgotten meanwhile
            return
        for event in page.data:
            yield encode(event)
            after = event.sequence
        if over:
            return
        if page.data:
            heard = time.monotonic()
        elif time.monotonic() - heard > HEARTBEAT_SECONDS:
            yield KEEPALIVE_COMMENT
            heard = time.monotonic()
        if not page.has_more:
            await anyio.sleep(POLL_SECONDS)


def encode(event: Event) -> bytes:
    """One event in the form of the HTML standard; its data is the event as JSON."""
    return format_sse_event(
        data_str=event.model_dump_json(), event=event.type, id=str(event.sequence)
    )


async def wait_for_end(
    resources: Resources, tenant: str, defense: Defense, *, seconds: float
) -> Defense:
    """The defense once it has ended, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (defense.status.is_terminal or resources.closing.is_set()):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        await anyio.sleep(min(left, POLL_SECONDS))
        defense = await to_thread.run_sync(service.get, resources, tenant, defense.id)
    return defense
