"""``/v2``: the Open Inference Protocol, version 2, with binary tensors and the repository index."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Request, Response

from service import health
from service.access.guard import Guarded
from service.http.headers import header
from service.inference.bodies import declared_length
from service.inference.rows import Rows
from service.inference.waiting import while_connected
from service.names.directory import Target
from service.oip import answers, bodies, framing, outputs, repository, requests
from service.oip.problems import responses
from service.oip.requests import InferRequest
from service.oip.schemas import (
    EXTENSIONS,
    Indexed,
    IndexRequest,
    Live,
    Metadata,
    ModelReady,
    Ready,
    Server,
)
from service.oip.tensors import Pixels, pixels
from service.resources import Resources, ResourcesDep, TenantDep

router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=Guarded)

_LENGTH = framing.HEADER_LENGTH.lower().encode()
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_INFER: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        **responses(400, 404, 413, 415, 429),
        200: {
            "description": "the outputs: JSON, or JSON with binary tensors behind it",
            "headers": {
                framing.HEADER_LENGTH: {
                    "description": "bytes of the JSON, where tensors follow it",
                    "schema": {"type": "integer"},
                }
            },
            "content": {bodies.JSON: {}, bodies.BINARY: _BINARY},
        },
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": framing.HEADER_LENGTH,
                "in": "header",
                "description": "bytes of the JSON, where tensors follow it",
                "schema": {"type": "integer"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                bodies.JSON: {"schema": {"$ref": "#/components/schemas/InferRequest"}},
                bodies.BINARY: _BINARY,
            },
        },
    },
}


# The server


@router.get("", responses=responses())
async def server_metadata(request: Request) -> Server:
    """Name, version and extensions of the server."""
    return Server(
        name="neural-polarizer-service",
        version=request.app.version,
        extensions=list(EXTENSIONS),
    )


@router.get("/health/live", responses=responses())
async def server_live() -> Live:
    """Whether the process is up; asks nothing else."""
    return Live()


@router.get("/health/ready", responses=responses())
async def server_ready(resources: ResourcesDep) -> Ready:
    """Whether what inference needs is there: the database and the store."""
    await health.require(resources, "database", "store")
    return Ready()


@router.post("/repository/index", responses=responses())
def repository_index(
    resources: ResourcesDep,
    tenant: TenantDep,
    asked: Annotated[IndexRequest | None, Body()] = None,  # noqa: ARG001 - all are ready
) -> list[Indexed]:
    """Every name with its versions, and every model by its id."""
    with resources.database.read() as session:
        return repository.index(session, tenant)


@router.post("/repository/models/{name}/load", responses=responses(404, 429))
async def load_model(name: str, resources: ResourcesDep, tenant: TenantDep) -> ModelReady:
    """Brings a model into memory, so that the first request does not wait for that."""
    target = await resources.directory.find(tenant, name)
    await resources.inference.load(target.model)
    return ModelReady(name=name)


# Models


@router.get("/models/{name}", responses=responses(404))
async def model_metadata(name: str, resources: ResourcesDep, tenant: TenantDep) -> Metadata:
    """What the model behind a name (or of an id) takes and answers."""
    return await _metadata(resources, tenant, name, None)


@router.get("/models/{name}/versions/{version}", responses=responses(404))
async def version_metadata(
    name: str, version: str, resources: ResourcesDep, tenant: TenantDep
) -> Metadata:
    """What one version takes and answers."""
    return await _metadata(resources, tenant, name, version)


@router.get("/models/{name}/ready", responses=responses(404))
async def model_ready(name: str, resources: ResourcesDep, tenant: TenantDep) -> ModelReady:
    """Whether the model can be asked; it is loaded on first use."""
    await resources.directory.find(tenant, name)
    return ModelReady(name=name)


@router.get("/models/{name}/versions/{version}/ready", responses=responses(404))
async def version_ready(
    name: str, version: str, resources: ResourcesDep, tenant: TenantDep
) -> ModelReady:
    """Whether one version can be asked."""
    await resources.directory.find(tenant, name, version)
    return ModelReady(name=name)


# Inference


@router.post("/models/{name}/infer", **_INFER)
async def infer(
    name: str, request: Request, resources: ResourcesDep, tenant: TenantDep
) -> Response:
    """Classifies images that have the model's size already, as many as are sent.

    Takes pixels in [0, 1] as `input`, answers `logits`, `probabilities`, and with the alarm on
    `base_logits` and `flagged`. The model normalises by itself.
    """
    target = await resources.directory.find(tenant, name)
    return await _infer(request, resources, target)


@router.post("/models/{name}/versions/{version}/infer", **_INFER)
async def infer_version(
    name: str, version: str, request: Request, resources: ResourcesDep, tenant: TenantDep
) -> Response:
    """The same, by one version of a name."""
    target = await resources.directory.find(tenant, name, version)
    return await _infer(request, resources, target)


async def _infer(request: Request, resources: Resources, target: Target) -> Response:
    inference, limit = resources.inference, resources.settings.max_tensor_bytes
    with inference.admit(target.model, declared_length(request, limit)) as place:
        asked, images = _parsed(request, await bodies.read(request, resources), target)
        work = inference.infer(target.model, _rows(images), place=place)
        answer = await while_connected(request, work)
        found = outputs.outputs(asked, answer)
    encoded = answers.encode(target.name, target.version, asked.id, found)
    return await bodies.respond(request, encoded)


def _parsed(request: Request, body: bytes, target: Target) -> tuple[InferRequest, Pixels]:
    json, tensors = framing.split(body, header(request.scope, _LENGTH))
    asked = requests.parse(json)
    outputs.require_known(asked)
    return asked, pixels(asked, tensors, target.description.input)


def _rows(images: Pixels) -> Rows:
    count, channels, height, width = images.shape
    return Rows(
        data=images.reshape(-1).view("u1").data,
        dtype="float32" if images.dtype.kind == "f" else "uint8",
        count=count,
        shape=(channels, height, width),
    )


async def _metadata(resources: Resources, tenant: str, name: str, version: str | None) -> Metadata:
    target = await resources.directory.find(tenant, name, version)
    versions = await to_thread.run_sync(repository.versions_of, resources.database, tenant, target)
    return Metadata.of(target, versions)
