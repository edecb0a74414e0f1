"""Every object of the HTTP API, from the OpenAPI document."""

from __future__ import annotations

from handbook.reference.document import openapi
from handbook.reference.fields import Schema, fields_of, type_of
from handbook.text import joined, prose

INTRODUCTION = """\
# Objects

What [the calls](http.md) take and answer. Answers may get further fields in later versions."""


def page() -> str:
    """Markdown."""
    schemas = openapi()["components"]["schemas"]
    return joined(INTRODUCTION, *(_schema(name, schemas[name]) for name in sorted(schemas)))


def _schema(name: str, schema: Schema) -> str:
    fields = fields_of(schema, _link)
    return joined(
        f"## {name} {{ #{name.lower()} }}",
        prose(schema.get("description")),
        fields or f"{type_of(schema, _link)}.",
    )


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
