"""The OpenAPI document: FastAPI's, and the schemas that it cannot see by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.access.policy import RULES
from service.problems import Problem

DESCRIPTION = """\
Upload a suspect image classifier and a handful of clean images; get back a purified model that is
measured and served. Every error is an RFC 9457 `application/problem+json`."""


def operation_id(route: APIRoute) -> str:
    """The endpoint's name: ``create_defense``."""
    return route.name


def document(app: FastAPI, *models: type[BaseModel]) -> Callable[[], dict[str, Any]]:
    """For ``app.openapi``. ``models`` are those that only hand-written parts refer to."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _add_schemas(schema, Problem, *models)
            _add_security(schema)
            _add_headers(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    return build


def _add_security(schema: dict[str, Any]) -> None:
    """Which scopes each operation asks for. No key will do where the service asks for none."""
    schema["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "an API key, `np_…`"}
    }
    for path in schema["paths"].values():
        for operation in path.values():
            rule = RULES.get(operation["operationId"])
            if rule:
                operation["security"] = [{"key": sorted(rule.scopes)}, {}]


_TEXT = {"schema": {"type": "string"}}
_SECONDS = {"schema": {"type": "integer", "minimum": 0}, "description": "seconds to wait"}
_LOCATION = {"schema": {"type": "string"}, "description": "where it is", "required": True}
_HEADERS: dict[tuple[str, str], dict[str, Any]] = {
    ("create_upload", "201"): {"Location": _LOCATION},
    ("begin_multipart", "201"): {"Location": _LOCATION},
    ("complete_multipart", "201"): {"Location": _LOCATION},
    ("create_key", "201"): {"Location": _LOCATION},
    ("create_defense", "202"): {
        "Location": _LOCATION,
        "Retry-After": _SECONDS,
        "Preference-Applied": _TEXT,
        "Idempotent-Replayed": _TEXT,
    },
    ("get_defense", "200"): {"Retry-After": _SECONDS, "Preference-Applied": _TEXT},
}


def _add_headers(schema: dict[str, Any]) -> None:
    """Headers that callers act upon: where the new thing is, and when to come again."""
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                known = response.setdefault("headers", {})
                known |= _HEADERS.get((operation["operationId"], status), {})
                known["X-Request-ID"] = _TEXT
                if status in ("429", "503"):
                    known["Retry-After"] = _SECONDS


def _add_schemas(schema: dict[str, Any], *models: type[BaseModel]) -> None:
    _, definitions = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    known = schema.setdefault("components", {}).setdefault("schemas", {})
    for name, definition in definitions["$defs"].items():
        known.setdefault(name, definition)
