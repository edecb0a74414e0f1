"""The two inference calls, reached without FastAPI's way through all routes and dependencies.

That way costs a small request more than everything else the web process does for it
(``benchmarks/serving``). The calls themselves, their checks and their place in the OpenAPI document
are those of ``endpoints``.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from service.access.guard import guarded
from service.oip import endpoints
from service.resources import resources_of, tenant_of


class _Direct(Route):
    """Leaves itself in the scope as FastAPI's routes do; requests are counted by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found


def routes() -> list[Route]:
    """To stand before every other route of the application."""
    return [
        _Direct("/v2/models/{name}/infer", guarded("infer", _infer), methods=["POST"]),
        _Direct(
            "/v2/models/{name}/versions/{version}/infer",
            guarded("infer_version", _infer_version),
            methods=["POST"],
        ),
    ]


async def _infer(request: Request) -> Response:
    resources, tenant = await resources_of(request), await tenant_of(request)
    return await endpoints.infer(request.path_params["name"], request, resources, tenant)


async def _infer_version(request: Request) -> Response:
    resources, tenant = await resources_of(request), await tenant_of(request)
    name, version = request.path_params["name"], request.path_params["version"]
    return await endpoints.infer_version(name, version, request, resources, tenant)
