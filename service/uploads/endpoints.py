"""``/v1/uploads``: raw bytes in, an id out."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response

from service.access import audit, quotas
from service.access.callers import limits_of_caller
from service.access.errors import QuotaError
from service.access.guard import Guarded
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import Resources, ResourcesDep, TenantDep
from service.tracing import span
from service.uploads import repository
from service.uploads.digests import promised_digest, require_equal
from service.uploads.filenames import shown_name
from service.uploads.schemas import Upload
from service.uploads.spool import Spooled, SpoolFile

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=Guarded)

_RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "the bytes of the file, of any content type",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=201, responses=responses(), openapi_extra=_RAW_BODY)
async def create_upload(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    tenant: TenantDep,
    filename: Annotated[str | None, Query(max_length=1024, description="for showing only")] = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="refused when the bytes differ")
    ] = None,
    content_digest: Annotated[
        str | None, Header(max_length=1024, description="RFC 9530: sha-256=:BASE64:")
    ] = None,
) -> Upload:
    """Takes a file as the raw body, in constant memory, and returns its id and digest."""
    promised = promised_digest(sha256, content_digest)
    limit = resources.settings.max_upload_bytes
    if limits_of_caller():
        length = request.headers.get("content-length", "")
        declared = int(length) if length.isdecimal() else 0
        await to_thread.run_sync(_require_room, resources, tenant, declared)
    spool = SpoolFile(resources.settings.spool_dir, limit=limit, what="the upload")
    async with spool:
        with span("receive"):
            async for chunk in request.stream():
                await spool.write(chunk)
            spooled = await spool.finish()
        require_equal(promised, spooled.sha256)
        upload = await to_thread.run_sync(_keep, resources, tenant, spooled, shown_name(filename))
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return upload


def _keep(resources: Resources, tenant: str, spooled: Spooled, filename: str | None) -> Upload:
    blob_id = resources.blobs.keep(spooled.path, spooled.sha256, tenant=tenant, move=True)
    try:
        with resources.database.write() as session:
            quotas.require_room(session, tenant)
            record = repository.add(session, tenant=tenant, blob_id=blob_id, filename=filename)
            audit.note(session, record.id, 201)
            return Upload.of(record)
    except QuotaError:
        resources.blobs.release([blob_id])
        raise


def _require_room(resources: Resources, tenant: str, nbytes: int) -> None:
    with resources.database.write() as session:
        quotas.require_room(session, tenant, nbytes)


@router.get("", responses=responses())
def list_uploads(
    resources: ResourcesDep,
    tenant: TenantDep,
    limit: Limit = 20,
    after: After = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="of these bytes only")
    ] = None,
) -> Page[Upload]:
    """Uploads, newest first."""
    with resources.database.read() as session:
        found, has_more = repository.page(session, tenant, after=after, limit=limit, sha256=sha256)
        return Page(data=[Upload.of(record) for record in found], has_more=has_more)


@router.get("/{upload_id}", responses=responses(404))
def get_upload(upload_id: str, resources: ResourcesDep, tenant: TenantDep) -> Upload:
    """One upload."""
    with resources.database.read() as session:
        return Upload.of(repository.get(session, tenant, upload_id))


@router.delete("/{upload_id}", status_code=204, responses=responses(404))
def delete_upload(upload_id: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Forgets the upload; defenses that were made from it keep their input."""
    with resources.database.write() as session:
        blob_id = repository.remove(session, tenant, upload_id)
        audit.note(session, upload_id, 204)
    resources.blobs.release([blob_id])
