"""Probes."""

from __future__ import annotations

from typing import Any

import httpx

from client.call import Call, record
from client.records import Readiness


def ready() -> Call[Readiness]:
    """Whether the service's database, store and broker answer."""
    return Call("GET", "/readyz", record(Readiness), also=(503,))


def openapi() -> Call[dict[str, Any]]:
    """The service's own description of its API."""
    return Call("GET", "/openapi.json", _object)


def _object(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    return found
