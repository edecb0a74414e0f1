"""JSON Schema as tables: the fields of an object, with types, defaults and ranges."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from handbook.text import code, plain, table

Schema = Mapping[str, Any]
Link = Callable[[str], str]
"""Makes Markdown of the name of a schema."""

_RANGES = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "pattern `{}`",
}


def fields_of(schema: Schema, link: Link = code) -> str:
    """A row a field; nothing for what is no object with fields."""
    required = schema.get("required", ())
    rows = [
        (
            code(name),
            type_of(field, link),
            _default(field, name in required),
            described(field),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "default", ""), rows)


def type_of(schema: Schema, link: Link = code) -> str:
    """In words: ``integer or null``."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(type_of(one, link) for one in schema[choice]))
    if "enum" in schema:
        return ", ".join(code(json.dumps(value)) for value in schema["enum"])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    return _plain_type(schema, link)


def _plain_type(schema: Schema, link: Link) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        inner = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list of {type_of(inner, link)}"
    if kind == "object" and isinstance(inner := schema.get("additionalProperties"), dict):
        return f"object of {type_of(inner, link)}"
    if kind == "string" and "format" in schema:
        return f"string, {schema['format']}"
    return str(kind)


def described(schema: Schema) -> str:
    """What a field means, and its range."""
    return "; ".join(filter(None, [plain(schema.get("description", "")), _range(schema)]))


def _range(schema: Schema) -> str:
    """Also that of the one alternative that has any."""
    alternatives = [schema, *schema.get("anyOf", ())]
    told = [
        words.format(one[name])
        for one in alternatives
        for name, words in _RANGES.items()
        if name in one
    ]
    return ", ".join(told)


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    return code(json.dumps(schema["default"])) if "default" in schema else ""
