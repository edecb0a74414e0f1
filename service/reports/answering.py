"""A stored report as an HTTP answer, in the form that the caller would rather have."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response

from service.reports.forms import FORMS, JSON, OFFERED
from service.reports.negotiation import preferred
from service.reports.reading import read

Accept = Annotated[str, Header(max_length=1000)]

FORM_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the report, in the form that Accept asks for",
        "content": {media: {"schema": {"type": "string"}} for media in FORMS},
    },
}


def answer(stored: bytes, accept: str, name: str) -> Response:
    """``name`` is what a browser would call the file. Raises ConflictError for a report that a
    newer service wrote, unless it is asked for as JSON."""
    media = preferred(accept, OFFERED)
    if media == JSON:
        return Response(stored, media_type=media, headers={"Vary": "Accept"})
    form = FORMS[media]
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{form.extension}"',
        "Vary": "Accept",
        **form.headers,
    }
    return Response(form.make(read(stored)), media_type=media, headers=headers)
