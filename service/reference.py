"""``/docs``: the OpenAPI document as one page, without scripts, readable without a network.

FastAPI's own pages load their scripts from another site, which would not work offline and would
need a looser Content-Security-Policy.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.access.guard import Guarded

router = APIRouter(include_in_schema=False, route_class=Guarded)

_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff }
h1, h2 { line-height: 1.2 } h2 { border-bottom: 1px solid #ccc; text-transform: capitalize }
section { margin: 0 0 1.5rem } h3 { font: 600 1rem ui-monospace, monospace; margin-bottom: 0 }
h3 b { color: #0a5 } p { margin: .25rem 0 } code, pre { font: .9em ui-monospace, monospace }
pre { background: #f4f4f4; padding: .75rem; overflow-x: auto } table { border-collapse: collapse }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616 }
  pre { background: #222 } h3 b { color: #4c9 } a { color: #8bf } }
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(request.app.openapi()))


@router.get("/docs/style.css")
async def style() -> Response:
    return Response(_STYLE, media_type="text/css")


def page(document: dict[str, Any]) -> str:
    """The whole document as HTML."""
    title = escape(document["info"]["title"])
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(made)}" for tag, made in by_tag.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<link rel="stylesheet" href="/docs/style.css"><h1>{title}</h1>'
        f"<p>{escape(document['info']['description'])}</p>"
        '<p>Every schema is in <a href="/openapi.json">openapi.json</a>.</p>'
        f"{sections}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f'<section id="{escape(operation["operationId"])}">',
        f"<h3><b>{method.upper()}</b> {escape(path)}</h3>",
        f"<p>{escape(operation.get('description', ''))}</p>",
        _scopes(operation.get("security", [])),
        _table(_parameter(item) for item in operation.get("parameters", [])),
        _body(operation.get("requestBody", {}).get("content", {})),
        _table(_answer(status, item) for status, item in operation["responses"].items()),
        "</section>",
    ]
    return "".join(parts)


def _scopes(security: list[dict[str, list[str]]]) -> str:
    named = " or ".join(scope for way in security for scope in way.get("key", []))
    return f"<p>Scope: <code>{escape(named)}</code></p>" if named else ""


def _table(rows: Any) -> str:  # noqa: ANN401 - an iterable of tuples of text
    cells = (
        f"<tr><td><code>{escape(first)}</code></td><td>{escape(second)}</td></tr>"
        for first, second in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _parameter(item: dict[str, Any]) -> tuple[str, str]:
    told = item.get("description") or item["schema"].get("title", "")
    return item["name"], f"{item['in']}: {told}"


def _answer(status: str, item: dict[str, Any]) -> tuple[str, str]:
    kinds = ", ".join(item.get("content", {}))
    return status, f"{item['description']} {f'({kinds})' if kinds else ''}"


def _body(content: dict[str, Any]) -> str:
    if not content:
        return ""
    told = f"<p>Body: <code>{escape(', '.join(content))}</code></p>"
    for kind in content.values():
        for example in kind.get("examples", {}).values():
            shown = escape(json.dumps(example["value"], indent=1))
            told += f"<p>{escape(example.get('summary', ''))}</p><pre>{shown}</pre>"
    return told
