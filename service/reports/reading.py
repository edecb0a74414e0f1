"""A stored report, read again."""

from __future__ import annotations

from pydantic import ValidationError

from service.defenses.report import Report
from service.errors import ConflictError


def read(stored: bytes) -> Report:
    """What the JSON says. Raises ConflictError for a report that a newer service wrote."""
    try:
        return Report.model_validate_json(stored)
    except ValidationError as error:
        raise ConflictError(
            "the report was written by another version of the service; ask for it as"
            " application/json"
        ) from error
