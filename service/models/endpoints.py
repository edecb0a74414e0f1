"""``/v1/models``: defended models, and their files."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service import reports
from service.access.guard import Guarded
from service.defenses.report import Report
from service.models import repository, service, signing
from service.models.schemas import AlarmSwitch, Model
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import ResourcesDep, TenantDep

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=Guarded)

MEDIA_TYPE = "application/octet-stream"

_FILE_HEADERS = {
    name: {"description": description, "schema": {"type": "string"}}
    for name, description in {
        "Content-Disposition": "a file name",
        "Content-Length": "bytes",
        "ETag": "the sha256, in quotes",
        "Repr-Digest": "the sha256, as in RFC 9530",
    }.items()
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the file: safetensors, with the tensor names of the uploaded model",
        "headers": _FILE_HEADERS,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "the file is the one that If-None-Match names"},
    307: {
        "description": "a link to the object store, good for five minutes",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    },
}

_SIGNATURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a Sigstore bundle, `model.sig`",
        "headers": {"Content-Disposition": _FILE_HEADERS["Content-Disposition"]},
        "content": {signing.MEDIA_TYPE: {"schema": {"type": "object"}}},
    },
}


@router.get("", responses=responses())
def list_models(
    resources: ResourcesDep, tenant: TenantDep, limit: Limit = 20, after: After = None
) -> Page[Model]:
    """Defended models, newest first."""
    with resources.database.read() as session:
        found, has_more = repository.page(session, tenant, after=after, limit=limit)
        return Page(data=[Model.of(record) for record in found], has_more=has_more)


@router.get("/{model_id}", responses=responses(404))
def get_model(
    model_id: str, response: Response, resources: ResourcesDep, tenant: TenantDep
) -> Model:
    """One model. Where models are signed, `Link` (`rel="describedby"`) leads to its signature."""
    if resources.settings.signing_key is not None:
        target = f"/v1/models/{quote(model_id, safe='')}/signature"
        response.headers["Link"] = f'<{target}>; rel="describedby"; type="{signing.MEDIA_TYPE}"'
    with resources.database.read() as session:
        return Model.of(repository.get(session, tenant, model_id))


@router.put("/{model_id}/alarm", responses=responses(404, 409))
def switch_alarm(
    model_id: str, switch: AlarmSwitch, resources: ResourcesDep, tenant: TenantDep
) -> Model:
    """Switches the model's alarm on or off. With it, every prediction says what the model as it
    came answers too, and whether the two disagree so confidently that a trigger is likely."""
    record = service.set_alarm(resources.database, tenant, model_id, on=switch.on)
    resources.directory.forget()
    return Model.of(record)


@router.get("/{model_id}/file", response_class=Response, responses=responses(404) | _FILE)
def download_model(
    model_id: str,
    resources: ResourcesDep,
    tenant: TenantDep,
    redirect: Annotated[
        bool, Query(description="whether a link to the object store will do, where there is one")
    ] = True,
    if_none_match: Annotated[str | None, Header(max_length=1024)] = None,
) -> Response:
    """The repaired model's file: the same format, names and shapes as came in, nothing to add.

    Bytes that do not have the digest any more are never handed out whole: the connection breaks.
    """
    with resources.database.read() as session:
        record = repository.get(session, tenant, model_id)
    if if_none_match is not None and service.etag(record) in if_none_match:
        return Response(status_code=304, headers={"ETag": service.etag(record)})
    if redirect and (link := service.link(resources.blobs, record)):
        return RedirectResponse(link, 307)
    return StreamingResponse(
        service.content(resources.blobs, record.blob),
        media_type=MEDIA_TYPE,
        headers=service.headers(record),
    )


@router.get(
    "/{model_id}/report",
    response_model=Report,
    responses=reports.FORM_RESPONSES | responses(404, 409),
)
def get_model_report(
    model_id: str,
    resources: ResourcesDep,
    tenant: TenantDep,
    accept: reports.Accept = "application/json",
) -> Response:
    """The report of the defense that made the model, in the same forms; a model card
    (`text/markdown`) and a CycloneDX bill of materials are among them. It goes with the
    defense."""
    found = service.report(resources, tenant, model_id)
    return reports.answer(found, accept, model_id)


@router.get("/{model_id}/signature", response_class=Response, responses=responses(404) | _SIGNATURE)
def get_signature(model_id: str, resources: ResourcesDep, tenant: TenantDep) -> Response:
    """The operator's signature over the model's file (as `model.safetensors`) and its report as
    JSON (as `report.json`), for `model_signing verify key`. Made anew each time; 404 where the
    operator signs nothing."""
    found = service.signature(resources, tenant, model_id)
    disposition = f'attachment; filename="{signing.SIGNATURE_FILE}"'
    headers = {"Content-Disposition": disposition}
    return Response(found, media_type=signing.MEDIA_TYPE, headers=headers)


@router.delete("/{model_id}", status_code=204, responses=responses(404, 409))
async def delete_model(model_id: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Forgets the model and its file; refused while a name points at it. The defense that made it
    stays."""
    digests = await to_thread.run_sync(
        service.delete, resources.database, resources.blobs, tenant, model_id
    )
    resources.directory.forget()
    for sha256 in digests:
        resources.inference.forget(sha256)
