"""What errors of the Open Inference Protocol look like in the OpenAPI document; how they are made
stands in service/problems.py, with all others."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from service.oip.schemas import Failed
from service.problems import COMMON


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``@router.get(..., responses=responses(404))``; every call may have those of
    ``COMMON``."""
    return {
        status: {"model": Failed, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, *COMMON})
    }
