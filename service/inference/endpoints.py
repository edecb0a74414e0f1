"""``POST /v1/models/{id}/predict``, and the same under a name: images in, labels out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from service.access.guard import Guarded
from service.inference.bodies import OPENAPI_BODY, declared_length, read_images, require_images
from service.inference.schemas import Predictions
from service.inference.waiting import while_connected
from service.names.directory import Target
from service.problems import responses
from service.resources import Resources, ResourcesDep, TenantDep

router = APIRouter(prefix="/v1", tags=["inference"], route_class=Guarded)

Top = Annotated[int, Query(ge=1, le=100, description="how many classes an image")]


@router.post(
    "/models/{model_id}/predict",
    responses=responses(400, 404, 415, 429),
    openapi_extra=OPENAPI_BODY,
)
async def predict(
    model_id: str, request: Request, resources: ResourcesDep, tenant: TenantDep, top: Top = 5
) -> Predictions:
    """Classifies one image, or several at once, with the repaired model.

    Images are decoded, turned upright, resized and normalised as the model's own preprocessing
    says. An image that cannot be read fails the whole request, and the error says which one. While
    the model's alarm is on, each prediction says whether the model as it came disagrees so
    confidently that the image may carry a trigger.
    """
    require_images(request)
    target = await resources.directory.find_model(tenant, model_id)
    return await _predict(request, resources, target, top)


@router.post(
    "/names/{name}/predict",
    responses=responses(400, 404, 415, 429),
    openapi_extra=OPENAPI_BODY,
)
async def predict_by_name(
    name: str, request: Request, resources: ResourcesDep, tenant: TenantDep, top: Top = 5
) -> Predictions:
    """The same, with the model that the name points at; `model_id` in the answer says which."""
    require_images(request)
    target = await resources.directory.find_name(tenant, name)
    return await _predict(request, resources, target, top)


async def _predict(request: Request, resources: Resources, target: Target, top: int) -> Predictions:
    inference, limit = resources.inference, resources.settings.max_image_bytes
    with inference.admit(target.model, declared_length(request, limit)) as place:
        images = await read_images(request)
        work = inference.rank(target.model, images, top=top, place=place)
        ranked = await while_connected(request, work)
    return Predictions.of(target.model.id, target.description.classes, ranked)
