"""Stands before every operation: who is asking, may they, not too often, and what is noted of it.

A room's router is made with ``route_class=Guarded``. That happens before the body is read, so that
who may not ask cannot make us read. The application refuses to start with a route that has no rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from structlog.contextvars import bind_contextvars

from service.access.access import Access
from service.access.audit import shown
from service.access.callers import Act, Caller, acting
from service.access.errors import ForbiddenError, UnauthorizedError
from service.access.policy import OPEN, RULES, Rule
from service.access.rates import Allowance
from service.errors import ServiceError, UnavailableError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

REFUSED = frozenset({401, 403, 429})
CLIENT_LEFT = 499
"""What the audit log says of a call that its client did not wait for."""


class Guarded(APIRoute):
    """A route that is reached through the guard."""

    def get_route_handler(self) -> Handler:
        return guarded(self.endpoint.__name__, super().get_route_handler())


def require_ruled(routers: Iterable[APIRouter]) -> None:
    """Raises RuntimeError for a route that could be reached past the guard or has no rule."""
    for router in routers:
        for route in router.routes:
            name = getattr(route, "name", repr(route))
            if not isinstance(route, Guarded):
                raise RuntimeError(f"{name}: its router must be made with route_class=Guarded")
            if name not in OPEN and name not in RULES:
                raise RuntimeError(f"{name}: say in service/access/policy.py who may call it")


def guarded(operation: str, handler: Handler) -> Handler:
    """The handler, for those whom the operation's rule lets through."""
    if operation in OPEN:
        return handler
    rule = RULES.get(operation)
    if rule is None:
        return _unruled(operation)

    async def guarded_handler(request: Request) -> Response:
        access: Access = request.app.state.resources.access
        act = _act(operation, request)
        try:
            allowance = await _admit(access, rule, request, act)
            response = await _handle(handler, request, act)
        except BaseException as error:
            status = _status_of(error)
            if rule.changes or status in REFUSED:
                access.audit.later(act, status)
            raise
        if rule.changes and not act.noted:
            access.audit.later(act, response.status_code)
        if allowance is not None:
            response.headers.update(allowance.headers)
        return response

    return guarded_handler


async def caller_of(request: Request) -> Caller:
    """Whoever the guard let through."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


async def _admit(access: Access, rule: Rule, request: Request, act: Act) -> Allowance | None:
    try:
        caller = await access.keyring.caller(request.headers.get("authorization"))
    except UnauthorizedError as error:
        act.caller = error.caller
        raise
    act.caller = caller
    bind_contextvars(tenant=caller.tenant)  # until the request's end: service/http/around.py
    if rule.scopes.isdisjoint(caller.scopes):
        named = sorted(rule.scopes)
        needed = " or ".join(f"`{scope}`" for scope in named)
        raise ForbiddenError(f"the key needs the scope {needed} for this", named)
    request.scope["state"]["caller"] = caller
    return await access.rates.take(caller)


async def _handle(handler: Handler, request: Request, act: Act) -> Response:
    token = acting.set(act)
    try:
        return await handler(request)
    finally:
        acting.reset(token)


def _act(operation: str, request: Request) -> Act:
    target = next(iter(request.path_params.values()), None)
    return Act(
        operation=operation,
        target=None if target is None else shown(str(target)),
        address=request.client.host[:64] if request.client else None,
        request_id=request.scope["state"].get("request_id"),
    )


def _status_of(error: BaseException) -> int:
    match error:
        case ServiceError():
            return error.status
        case HTTPException():
            return error.status_code
        case RequestValidationError():
            return 422
        case SQLAlchemyError():
            return UnavailableError.status
        case ClientDisconnect() | asyncio.CancelledError():
            return CLIENT_LEFT
        case _:
            return 500


def _unruled(operation: str) -> Handler:
    async def refuse(_request: Request) -> Response:
        raise ForbiddenError(f"nobody may call {operation}: it has no rule", [])

    return refuse
