"""``GET /v1/models/{id}/export``: a model in other formats."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service.access.guard import Guarded
from service.inference.waiting import while_connected
from service.models import repository
from service.models.exporting import Format, content, exported, headers
from service.problems import responses
from service.records import ModelRecord
from service.resources import Resources, ResourcesDep, TenantDep

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=Guarded)

MEDIA_TYPE = "application/octet-stream"

_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "onnx: the file; triton: a zip of a model repository's folder",
        "headers": {
            name: {"schema": {"type": "string"}}
            for name in ("Content-Disposition", "Content-Length", "Repr-Digest")
        },
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    307: {
        "description": "safetensors: where the model's file is",
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
}


@router.get("/{model_id}/export", response_class=Response, responses=responses(404, 409) | _EXPORT)
async def export_model(
    model_id: str,
    request: Request,
    resources: ResourcesDep,
    tenant: TenantDep,
    format: Annotated[Format, Query(description="what it is wanted as")],
) -> Response:
    """The repaired model as ONNX, or as a model repository for Triton and KServe. What came as ONNX
    has the graph that it came with, and other weights. It is made while you wait, one at a time."""
    record = await to_thread.run_sync(_record, resources, tenant, model_id)
    if format is Format.SAFETENSORS:
        return RedirectResponse(f"/v1/models/{record.id}/file", 307)
    work = exported(
        record,
        format,
        settings=resources.settings,
        blobs=resources.blobs,
        turns=resources.exports,
    )
    made = await while_connected(request, work)
    return StreamingResponse(
        content(made.file), media_type=MEDIA_TYPE, headers=headers(record, format, made)
    )


def _record(resources: Resources, tenant: str, model_id: str) -> ModelRecord:
    with resources.database.read() as session:
        return repository.get(session, tenant, model_id)
