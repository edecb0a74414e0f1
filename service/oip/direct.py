"""The two inference calls, reached without FastAPI's way through all routes and dependencies.

That way costs a small request more than everything else the web process does for it
(``benchmarks/serving``). The calls themselves, their checks and their place in the OpenAPI document
are those of ``endpoints``; what they raise is told as everywhere.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.access.guard import Handler, guarded
from service.oip import endpoints
from service.resources import resources_of, tenant_of


class Direct:
    """Stands before the router and answers these calls itself. It leaves the route in the scope as
    routers do; requests are counted by it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._calls = [
            _call("/v2/models/{name}/infer", guarded("infer", _infer)),
            _call(
                "/v2/models/{name}/versions/{version}/infer",
                guarded("infer_version", _infer_version),
            ),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route, handler in self._calls:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found, route=route)
                response = await _answer(handler, Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - raised again where nobody foresaw it
        return await problems.answer_to(request, error)


def _call(path: str, handler: Handler) -> tuple[Route, Handler]:
    return Route(path, handler, methods=["POST"]), handler


async def _infer(request: Request) -> Response:
    resources, tenant = await resources_of(request), await tenant_of(request)
    return await endpoints.infer(request.path_params["name"], request, resources, tenant)


async def _infer_version(request: Request) -> Response:
    resources, tenant = await resources_of(request), await tenant_of(request)
    name, version = request.path_params["name"], request.path_params["version"]
    return await endpoints.infer_version(name, version, request, resources, tenant)
