"""``/v1/defenses``: ask for a defense, follow it, stop it, forget it."""

from __future__ import annotations

import re
from typing import Annotated, Any

import structlog
from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from service import reports
from service.access.guard import Guarded
from service.defenses import examples, repository, service, streaming
from service.defenses.bodies import read_draft
from service.defenses.report import Report
from service.defenses.schemas import Defense, Event
from service.defenses.states import Status
from service.pagination import After, Limit, Page
from service.problems import responses
from service.queue import Job
from service.resources import Resources, ResourcesDep, TenantDep

log = structlog.get_logger()
router = APIRouter(prefix="/v1/defenses", tags=["defenses"], route_class=Guarded)

POLL_SECONDS = 2  # what Retry-After advises
MAX_WAIT_SECONDS = 60

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="the same key with the same payload makes one defense",
    ),
]
Prefer = Annotated[
    str | None, Header(max_length=200, description="`wait=n`: answer after n seconds (at most 60)")
]
_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "events as JSON, or as a stream until the defense has ended",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "the defense has ended and has no event after Last-Event-ID"},
}


@router.post(
    "",
    status_code=202,
    responses=responses(409, 415),
    openapi_extra={"requestBody": examples.REQUEST_BODY},
)
async def create_defense(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    tenant: TenantDep,
    idempotency_key: Key = None,
    prefer: Prefer = None,
) -> Defense:
    """Queues a defense. Send JSON that names uploads or `s3://` objects, or a multipart form with
    the files themselves."""
    async with read_draft(request, resources.settings) as draft:
        created = await to_thread.run_sync(
            service.create, resources, tenant, draft, idempotency_key
        )
    defense = created.defense
    if created.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    elif not defense.status.is_terminal:
        await _wake(resources, defense)
    response.headers["Location"] = f"/v1/defenses/{defense.id}"
    return await _waited(resources, tenant, defense, prefer, response)


async def _wake(resources: Resources, defense: Defense) -> None:
    try:
        await resources.waking.wake(Job(defense.id, defense.queue))
    except TimeoutError:
        log.warning("wake_slow", defense_id=defense.id)


async def _waited(
    resources: Resources, tenant: str, defense: Defense, prefer: str | None, response: Response
) -> Defense:
    """The defense, after the time that ``Prefer: wait`` asks for."""
    wanted = re.search(r"\bwait=(\d{1,6})\b", prefer or "")
    if wanted:
        seconds = min(int(wanted[1]), MAX_WAIT_SECONDS)
        response.headers["Preference-Applied"] = f"wait={seconds}"
        defense = await streaming.wait_for_end(resources, tenant, defense, seconds=seconds)
    if not defense.status.is_terminal:
        response.headers["Retry-After"] = str(POLL_SECONDS)
    return defense


@router.get("", responses=responses())
def list_defenses(
    resources: ResourcesDep,
    tenant: TenantDep,
    limit: Limit = 20,
    after: After = None,
    status: Annotated[Status | None, Query(description="only those in this state")] = None,
) -> Page[Defense]:
    """Defenses, newest first."""
    with resources.database.read() as session:
        found, has_more = repository.page(session, tenant, after=after, limit=limit, status=status)
        return Page(data=[Defense.of(record) for record in found], has_more=has_more)


@router.get("/{defense_id}", responses=responses(404))
async def get_defense(
    defense_id: str,
    response: Response,
    resources: ResourcesDep,
    tenant: TenantDep,
    prefer: Prefer = None,
) -> Defense:
    """One defense; with `Prefer: wait=n`, once it has ended or n seconds have passed."""
    defense = await to_thread.run_sync(service.get, resources, tenant, defense_id)
    return await _waited(resources, tenant, defense, prefer, response)


@router.get(
    "/{defense_id}/events", response_model=Page[Event], responses=_EVENT_STREAM | responses(404)
)
async def list_events(
    defense_id: str,
    resources: ResourcesDep,
    tenant: TenantDep,
    accept: Annotated[str, Header(max_length=1000)] = "application/json",
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**31)] = None,
    after: Annotated[int, Query(ge=0, lt=2**31, description="a sequence number")] = 0,
    limit: Limit = 100,
) -> Page[Event] | Response:
    """What happened to a defense, oldest first: JSON by cursor, or server-sent events for
    `Accept: text/event-stream` (which `Last-Event-ID` resumes)."""
    streams = "text/event-stream" in accept
    start = last_event_id if streams and last_event_id is not None else after
    page, over = await to_thread.run_sync(
        streaming.read_events, resources, tenant, defense_id, start, limit
    )
    if not streams:
        return page
    if over and not page.data:
        return Response(status_code=204)  # tells an EventSource not to come again
    return StreamingResponse(
        streaming.event_stream(resources, tenant, defense_id, start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/{defense_id}/cancel", responses=responses(404))
def cancel_defense(defense_id: str, resources: ResourcesDep, tenant: TenantDep) -> Defense:
    """Stops a defense: a queued one at once, a running one as soon as its worker hears of it.
    Changes nothing when it has ended."""
    return service.cancel(resources, tenant, defense_id)


@router.delete("/{defense_id}", status_code=204, responses=responses(404, 409))
def delete_defense(defense_id: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Forgets an ended defense: its events, inputs and report. Its purified model stays."""
    service.forget(resources, tenant, defense_id)


@router.get(
    "/{defense_id}/report",
    response_model=Report,
    responses=reports.FORM_RESPONSES | responses(404, 409),
)
def get_report(
    defense_id: str,
    resources: ResourcesDep,
    tenant: TenantDep,
    accept: reports.Accept = "application/json",
) -> Response:
    """Everything that was measured, before and after, and what it belongs to. By `Accept`: JSON, a
    page that needs nothing else, a model card, or a CycloneDX bill of materials."""
    return reports.answer(service.report(resources, tenant, defense_id), accept, defense_id)
