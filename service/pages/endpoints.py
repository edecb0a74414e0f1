"""``/`` and ``/pages/``: the pages and their files. They hold no data and ask for no key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import RedirectResponse

from service.access.guard import Guarded
from service.errors import NotFoundError
from service.pages.assets import INDEX, load
from service.reports import style

router = APIRouter(include_in_schema=False, route_class=Guarded)

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {style.SOURCE}",  # a copy of a report is opened under this policy
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # data cannot become markup, whatever a script does
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",  # kept by browsers, which ask each time whether it is still so
}
_ASSETS = load()

Known = Annotated[str, Header(alias="If-None-Match", max_length=1000)]


@router.get("/")
async def root(accept: Annotated[str, Header(max_length=1000)] = "*/*") -> RedirectResponse:
    """Browsers go to the pages, everybody else to the reference."""
    target = "/pages/" if "text/html" in accept else "/docs"
    return RedirectResponse(target, headers={"Vary": "Accept"})


@router.get("/pages/")
async def page(known: Known = "") -> Response:
    """The one page; its script shows what the address names after ``#``."""
    return _answer(INDEX, known)


@router.get("/pages/{name}")
async def asset(name: str, known: Known = "") -> Response:
    """A file of the page."""
    return _answer(name, known)


def _answer(name: str, known: str) -> Response:
    found = _ASSETS.get(name)
    if found is None:
        raise NotFoundError(f"the pages have no file {name[:100]!r}")
    headers = _HEADERS | {"ETag": found.etag}
    if found.is_known(known):
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
