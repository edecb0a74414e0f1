"""A header of a request, out of the list that ASGI has it in: these are looked for in every
request, by several layers, and ``starlette.datastructures.Headers`` takes ten times as long."""

from __future__ import annotations

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first of that name, which must be in lower case as ASGI's are; None without one."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
