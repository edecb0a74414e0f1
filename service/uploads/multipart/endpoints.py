"""``/v1/multipart-uploads``: large files in parts, in any order, again after a break."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response

from service.access.guard import Guarded
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import ResourcesDep, TenantDep
from service.tracing import current, span
from service.uploads.digests import promised_digest, require_equal
from service.uploads.multipart import repository
from service.uploads.multipart.plan import MOST_PARTS
from service.uploads.multipart.schemas import (
    LinksRequest,
    Multipart,
    MultipartRequest,
    Part,
    PartLinks,
)
from service.uploads.multipart.states import MultipartState
from service.uploads.schemas import Upload
from service.uploads.spool import SpoolFile

router = APIRouter(prefix="/v1/multipart-uploads", tags=["uploads"], route_class=Guarded)

PartNumber = Annotated[int, Path(ge=1, le=MOST_PARTS)]
_RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "the bytes of the part: `part_size` of them, the last part what is left",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=201, responses=responses())
def begin_multipart(
    wanted: MultipartRequest, response: Response, resources: ResourcesDep, tenant: TenantDep
) -> Multipart:
    """Begins an upload in parts. Its whole size counts as stored until it ends."""
    record = resources.multiparts.begin(tenant, wanted)
    current().set({"polarizer.multipart_id": record.id})
    response.headers["Location"] = f"/v1/multipart-uploads/{record.id}"
    return Multipart.of(record, links=resources.receiving.links)


@router.get("", responses=responses())
def list_multiparts(
    resources: ResourcesDep,
    tenant: TenantDep,
    limit: Limit = 20,
    after: After = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="of the whole file")
    ] = None,
    state: Annotated[MultipartState | None, Query()] = None,
) -> Page[Multipart]:
    """Uploads in parts, newest first; `sha256` and `state=open` find one to go on with."""
    with resources.database.read() as session:
        found, has_more = repository.page(
            session, tenant, after=after, limit=limit, sha256=sha256, state=state
        )
    links = resources.receiving.links
    return Page(data=[Multipart.of(record, links=links) for record in found], has_more=has_more)


@router.get("/{multipart_id}", responses=responses(404))
def get_multipart(multipart_id: str, resources: ResourcesDep, tenant: TenantDep) -> Multipart:
    """One upload in parts; it is forgotten some time after it ended."""
    with resources.database.read() as session:
        record = repository.get(session, tenant, multipart_id)
    return Multipart.of(record, links=resources.receiving.links)


@router.get("/{multipart_id}/parts", responses=responses(404))
def list_parts(
    multipart_id: str,
    resources: ResourcesDep,
    tenant: TenantDep,
    limit: Limit = 100,
    after: Annotated[
        int, Query(ge=0, le=MOST_PARTS, description="the number of the last part before")
    ] = 0,
) -> Page[Part]:
    """The parts that are kept, by their numbers; what is not there has to be sent (again)."""
    with resources.database.read() as session:
        record = repository.get(session, tenant, multipart_id)
    found = resources.receiving.kept(record, after=after, limit=limit + 1)
    return Page(data=[Part.of(part) for part in found[:limit]], has_more=len(found) > limit)


@router.put(
    "/{multipart_id}/parts/{number}", responses=responses(404, 409), openapi_extra=_RAW_BODY
)
async def put_part(
    multipart_id: str,
    number: PartNumber,
    request: Request,
    resources: ResourcesDep,
    tenant: TenantDep,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="refused when the bytes differ")
    ] = None,
    content_digest: Annotated[
        str | None, Header(max_length=1024, description="RFC 9530: sha-256=:BASE64:")
    ] = None,
) -> Part:
    """Takes one part as the raw body, in constant memory; again, in place of the earlier one."""
    promised = promised_digest(sha256, content_digest)
    receiving = resources.receiving
    current().set({"polarizer.multipart_id": multipart_id, "polarizer.part": number})
    limit = await to_thread.run_sync(receiving.length_of, tenant, multipart_id, number)
    spool = SpoolFile(resources.settings.spool_dir, limit=limit, what=f"part {number}")
    async with spool:
        with span("receive"):
            async for chunk in request.stream():
                await spool.write(chunk)
            spooled = await spool.finish()
        require_equal(promised, spooled.sha256)
        part = await to_thread.run_sync(receiving.keep, tenant, multipart_id, number, spooled)
    return Part.of(part)


@router.post("/{multipart_id}/links", responses=responses(404, 409))
def make_part_links(
    multipart_id: str, wanted: LinksRequest, resources: ResourcesDep, tenant: TenantDep
) -> PartLinks:
    """Links by which parts go straight to the store; with `POLARIZER_MULTIPART_LINKS` only."""
    return PartLinks(data=resources.receiving.make_links(tenant, multipart_id, wanted.numbers))


@router.post("/{multipart_id}/complete", status_code=201, responses=responses(404, 409))
def complete_multipart(
    multipart_id: str, response: Response, resources: ResourcesDep, tenant: TenantDep
) -> Upload:
    """Makes the parts an upload, once their bytes together have the digest that was promised.
    Asked again, the answer is the same upload."""
    current().set({"polarizer.multipart_id": multipart_id})
    upload = Upload.of(resources.completing.complete(tenant, multipart_id))
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return upload


@router.delete("/{multipart_id}", status_code=204, responses=responses(404, 409))
def abort_multipart(multipart_id: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Gives it up and frees what came; again, nothing happens."""
    current().set({"polarizer.multipart_id": multipart_id})
    resources.multiparts.abort(tenant, multipart_id)
