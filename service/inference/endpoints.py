"""``POST /v1/models/{id}/predict``: images in, labels and probabilities out."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from service.inference.bodies import OPENAPI_BODY, read_images, require_images
from service.inference.schemas import Predictions
from service.inference.waiting import while_connected
from service.models import repository
from service.problems import responses
from service.records import ModelRecord
from service.resources import Resources, ResourcesDep, TenantDep

router = APIRouter(prefix="/v1/models", tags=["inference"])


@router.post(
    "/{model_id}/predict", responses=responses(400, 404, 415, 429), openapi_extra=OPENAPI_BODY
)
async def predict(
    model_id: str,
    request: Request,
    resources: ResourcesDep,
    tenant: TenantDep,
    top: Annotated[int, Query(ge=1, le=100, description="how many classes an image")] = 5,
) -> Predictions:
    """Classifies one image, or several at once, with the repaired model.

    Images are decoded, turned upright, resized and normalised as the model's own preprocessing
    says. An image that cannot be read fails the whole request, and the error says which one.
    """
    require_images(request)
    record = await to_thread.run_sync(_find, resources, tenant, model_id)
    images = await read_images(request)
    ranked = await while_connected(request, resources.inference.rank(record, images, top=top))
    return Predictions.of(
        model_id, record.description["classes"], [each.ranking for each in ranked]
    )


def _find(resources: Resources, tenant: str, model_id: str) -> ModelRecord:
    with resources.database.read() as session:
        return repository.get(session, tenant, model_id)
