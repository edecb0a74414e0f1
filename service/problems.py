"""Every error as RFC 9457 ``application/problem+json``: one body, one set of handlers. Under
``/v2`` the same errors are told in the form of the Open Inference Protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from service.errors import (
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    SlowRequestError,
    TooLargeError,
    UnavailableError,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5  # seconds; what a 503 advises
MAX_ERRORS = 20
MAX_MESSAGE = 500

COMMON = (400, 401, 403, 408, 413, 422, 429, 500, 503)
"""Statuses that any call may be answered with."""

_PROTOCOL = re.compile(r"/v2(/|$)")


class FieldError(BaseModel):
    """One thing that is wrong with what was sent."""

    loc: Annotated[list[str | int], Field(description="where, from the outside in")]
    msg: str
    type: str


class Problem(BaseModel):
    """RFC 9457. Branch on ``type``; ``detail`` is for people."""

    type: Annotated[str, Field(examples=["urn:polarizer:problem:not-found"])]
    title: Annotated[str, Field(examples=["Not found"])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(examples=["there is no defense 'def_0'"])]
    instance: Annotated[str, Field(description="the path that was asked for")]
    request_id: Annotated[str | None, Field(description="as in the X-Request-ID header")] = None
    errors: Annotated[
        list[FieldError] | None, Field(description="what is wrong where; 422 only")
    ] = None


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``@router.get(..., responses=responses(404))``: these statuses, and those that every
    call may have (COMMON), are problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, *COMMON})
    }


def problem(
    request: Request,
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldError] | None = None,
) -> Response:
    """The answer itself; under ``/v2`` in the form of the Open Inference Protocol."""
    if _PROTOCOL.match(request.scope["path"]):
        return JSONResponse({"error": detail}, status_code=status, headers=headers)
    body = Problem(
        type=f"urn:polarizer:problem:{slug}",
        title=title,
        status=status,
        detail=detail,
        instance=request.scope["path"],
        request_id=request.scope.get("state", {}).get("request_id"),
        errors=errors,
    )
    content = body.model_dump_json(exclude_none=True)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def unexpected(request: Request) -> Response:
    """What an exception that nobody foresaw looks like from outside: nothing of it is told."""
    detail = "something went wrong here; the log of the service has it under this request_id"
    return problem(request, 500, ServiceError.slug, ServiceError.title, detail)


def install(app: FastAPI) -> None:
    """Makes these handlers the application's."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for kind in (OperationalError, InterfaceError, InternalError, PoolTimeoutError):
        app.add_exception_handler(kind, _database_error)
    app.add_exception_handler(DataError, _unstorable)


async def answer_to(request: Request, error: Exception) -> Response:
    """What the application answers where this is raised. Raises it where nobody foresaw it."""
    handlers = request.app.exception_handlers
    for kind in type(error).__mro__:
        if kind in handlers:
            response: Response = await handlers[kind](request, error)
            return response
    raise error


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - for mypy: handlers take any exception
    retry_after = error.retry_after
    if retry_after is None and isinstance(error, UnavailableError):
        retry_after = RETRY_AFTER
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_refused", problem=error.slug, detail=error.detail)
    headers = dict(error.headers)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return problem(request, error.status, error.slug, error.title, error.detail, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return invalid(request, field_errors(error.errors()))


def invalid(request: Request, errors: list[FieldError]) -> Response:
    """A 422 that says what is wrong where."""
    first = errors[0]
    detail = f"{'.'.join(map(str, first.loc))}: {first.msg}"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more, see errors)"
    kind = InvalidRequestError
    return problem(request, kind.status, kind.slug, kind.title, detail, errors=errors)


def field_errors(errors: Any) -> list[FieldError]:  # noqa: ANN401 - pydantic's own shape
    """Pydantic's errors without what was sent (it may be large, or secret), at most 20."""
    return [
        FieldError(loc=list(error["loc"]), msg=error["msg"][:MAX_MESSAGE], type=error["type"])
        for error in errors[:MAX_ERRORS]
    ]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    status, phrase = error.status_code, HTTPStatus(error.status_code).phrase
    slug, title = _OURS.get(status, (phrase.lower().replace(" ", "-"), phrase))
    detail = _ROUTER_DETAILS.get(status, str(error.detail))
    headers = error.headers
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_allowed(request))}
    return problem(request, status, slug, title, detail, headers=headers)


def _routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Those of included routers too, which FastAPI keeps together."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)


def _allowed(request: Request) -> list[str]:
    """The methods of every route at this path; the router tells those of the first one."""
    found: set[str] = set()
    for route in _routes(request.app.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


_OURS = {
    kind.status: (kind.slug, kind.title)
    for kind in (NotFoundError, SlowRequestError, TooLargeError)
}
_ROUTER_DETAILS = {
    404: "there is nothing at this path; /docs lists what there is",
    405: "this path does not take this method; the Allow header names those it takes",
}


async def _database_error(request: Request, error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return await _service_error(request, UnavailableError("the database does not answer"))


async def _unstorable(request: Request, _error: Exception) -> Response:
    """PostgreSQL takes no NUL in a text, not even to look for it."""
    detail = "the request holds characters or numbers that no record can have"
    return await _service_error(request, InvalidRequestError(detail))
