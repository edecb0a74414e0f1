"""Every call of the HTTP API, from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from handbook.reference.document import openapi
from handbook.reference.fields import described, type_of
from handbook.text import block, code, joined, plain, prose, table

Part = Mapping[str, Any]

INTRODUCTION = """\
# Every call

Made of the OpenAPI document, which a running service tells at `/openapi.json`. How the calls belong
together, with examples, is told in [the HTTP API](../api.md); what the objects hold, in
[objects](schemas.md); what may go wrong, in [errors](errors.md)."""


def page() -> str:
    """Markdown."""
    document = openapi()
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_call(method, path, operation))
    sections = [joined(f"## {tag.capitalize()}", *calls) for tag, calls in by_tag.items()]
    return joined(INTRODUCTION, *sections)


def link(name: str) -> str:
    """To the object on the page of objects."""
    return f"[{name}](schemas.md#{name.lower()})"


def _call(method: str, path: str, operation: Part) -> str:
    return joined(
        f"### {method.upper()} {path} {{ #{operation['operationId']} }}",
        prose(operation.get("description")),
        _scopes(operation),
        table(("parameter", "in", "type", ""), map(_parameter, operation.get("parameters", ()))),
        *_body(operation.get("requestBody", {}).get("content", {})),
        table(("answer", "", "body"), _answers(operation["responses"])),
    )


def _scopes(operation: Part) -> str:
    named = [scope for way in operation.get("security", ()) for scope in way.get("key", ())]
    return f"A key needs one of these scopes: {', '.join(map(code, named))}." if named else ""


def _parameter(given: Part) -> tuple[str, str, str, str]:
    name = code(given["name"]) + (", required" if given.get("required") else "")
    meaning = "; ".join(filter(None, [plain(given.get("description")), described(given["schema"])]))
    return name, given["in"], type_of(given["schema"], link), meaning


def _body(content: Mapping[str, Part]) -> Iterator[str]:
    for kind, part in content.items():
        yield f"Body: {code(kind)}, {type_of(part.get('schema', {}), link)}"
        for example in part.get("examples", {}).values():
            yield plain(example.get("summary")) + ":" if example.get("summary") else ""
            yield block(json.dumps(example["value"], indent=1, ensure_ascii=False), "json")


def _answers(responses: Mapping[str, Part]) -> Iterator[tuple[str, str, str]]:
    for status, answer in responses.items():
        if "Problem" in json.dumps(answer.get("content", {})):
            continue
        bodies = [
            f"{code(kind)} {type_of(part['schema'], link) if part.get('schema') else ''}"
            for kind, part in answer.get("content", {}).items()
        ]
        meaning = answer["description"].replace("Successful Response", "")
        yield code(status), plain(meaning or HTTPStatus(int(status)).phrase), ", ".join(bodies)
    refused = [
        code(status)
        for status, answer in responses.items()
        if "Problem" in json.dumps(answer.get("content", {}))
    ]
    if refused:
        yield ", ".join(refused), "[a problem](errors.md)", code("application/problem+json")
