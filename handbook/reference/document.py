"""The OpenAPI document of the service, without starting it."""

from __future__ import annotations

from functools import cache
from typing import Any

from service.app import create_app
from service.settings import Settings


@cache
def openapi() -> dict[str, Any]:
    """As ``GET /openapi.json`` answers it."""
    document: dict[str, Any] = create_app(Settings.model_construct()).openapi()
    return document
