"""What may become of an upload in parts."""

from __future__ import annotations

from enum import StrEnum


class MultipartState(StrEnum):
    """``open`` takes parts; the others never change."""

    OPEN = "open"
    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"
