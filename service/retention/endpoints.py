"""``/v1/retention``, ``/v1/export``, ``/v1/erasures``: how long the caller's tenant's things are
kept, all of them in one archive, and all of them deleted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from service.access.guard import Guarded
from service.errors import ConflictError
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import CallerDep, ResourcesDep, TenantDep
from service.retention import certificates, leaving, service
from service.retention.exporting import Export
from service.retention.periods import OwnPeriods, Retention
from service.retention.schemas import Erasure, NewErasure

router = APIRouter(prefix="/v1", tags=["retention"], route_class=Guarded)

TAR = "application/x-tar"


def _file(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": description, "content": content}}


@router.get("/retention", responses=responses())
def get_retention(resources: ResourcesDep, tenant: TenantDep) -> Retention:
    """How many days the tenant's things are kept; 0: until somebody deletes them."""
    with resources.database.read() as session:
        return service.get(session, resources.settings, tenant)


@router.put("/retention", responses=responses())
def put_retention(own: OwnPeriods, resources: ResourcesDep, tenant: TenantDep) -> Retention:
    """Gives the tenant periods of its own, in place of those that it had; what is left out or null
    is kept as long as the service says. What is older then goes with the next sweep, within five
    minutes."""
    with resources.database.write() as session:
        return service.put(session, resources.settings, tenant, own)


@router.get(
    "/export",
    response_class=Response,
    responses=responses() | _file(TAR, "rows, files, and their digests last"),
)
def export(resources: ResourcesDep, tenant: TenantDep) -> Response:
    """Everything of the tenant as one archive: rows as JSON, files under their digests, and
    `SHA256SUMS` at the end. An archive without that is not whole."""
    archive = Export(resources.database, resources.blobs, resources.settings.spool_dir, tenant)
    headers = {
        "Content-Disposition": f'attachment; filename="{tenant}.tar"',
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(archive.chunks(), media_type=TAR, headers=headers)


@router.post("/erasures", status_code=202, responses=responses())
def create_erasure(
    new: NewErasure, response: Response, resources: ResourcesDep, caller: CallerDep
) -> Erasure:
    """Deletes everything of the tenant but its keys and its audit log: what runs is cancelled, what
    is sent meanwhile goes too. It takes a while; asking again before it is finished changes
    nothing."""
    with resources.database.write() as session:
        record = leaving.ask(session, caller.tenant, confirm=new.confirm, by=caller.key_id)
    response.headers["Location"] = f"/v1/erasures/{record.id}"
    return Erasure.of(record)


@router.get("/erasures", responses=responses())
def list_erasures(
    resources: ResourcesDep, tenant: TenantDep, limit: Limit = 20, after: After = None
) -> Page[Erasure]:
    """Erasures, newest first."""
    with resources.database.read() as session:
        found, has_more = leaving.page(session, tenant, after=after, limit=limit)
        return Page(data=[Erasure.of(record) for record in found], has_more=has_more)


@router.get("/erasures/{erasure_id}", responses=responses(404))
def get_erasure(erasure_id: str, resources: ResourcesDep, tenant: TenantDep) -> Erasure:
    """One erasure."""
    with resources.database.read() as session:
        return Erasure.of(leaving.get(session, tenant, erasure_id))


@router.get(
    "/erasures/{erasure_id}/certificate",
    response_class=Response,
    responses=responses(404, 409)
    | _file(certificates.MEDIA_TYPE, "what was deleted, line by line"),
)
def get_certificate(erasure_id: str, resources: ResourcesDep, tenant: TenantDep) -> Response:
    """What a finished erasure deleted: a line a row, with the sha256 of files. The audit log holds
    the digest of this very text."""
    with resources.database.read() as session:
        record = leaving.get(session, tenant, erasure_id)
    if record.finished_at is None:
        raise ConflictError("this erasure is not finished; its certificate comes when it is")
    return StreamingResponse(
        certificates.chunks(resources.database, record), media_type=certificates.MEDIA_TYPE
    )
