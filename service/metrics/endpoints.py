"""``/metrics``: what Prometheus scrapes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.access.guard import Guarded
from service.metrics.inference import InferenceFamilies
from service.metrics.requests import RequestMetrics
from service.problems import responses
from service.resources import ResourcesDep

router = APIRouter(tags=["health"], route_class=Guarded)

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the text format of Prometheus",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get("/metrics", response_class=Response, responses=responses() | _TEXT)
async def metrics(request: Request, resources: ResourcesDep) -> Response:
    """Requests by route, inference by model, what was removed because it was old, and the process,
    in Prometheus' text format."""
    requests: RequestMetrics = request.app.state.request_metrics
    inference = InferenceFamilies(resources.inference.metrics())
    content = generate_latest(requests.registry) + generate_latest(inference)
    content += generate_latest(resources.removals.registry)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
