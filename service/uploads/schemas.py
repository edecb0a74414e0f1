"""What a caller sees of an upload."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from service.records import UploadRecord


class Upload(BaseModel):
    """A file that defenses may name by its id."""

    id: Annotated[str, Field(examples=["upl_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    sha256: Annotated[str, Field(examples=["9f86d081884c7d65" * 4])]
    size: Annotated[int, Field(description="bytes", examples=[11207312])]
    filename: Annotated[str | None, Field(examples=["model.safetensors"])]
    created_at: datetime

    @classmethod
    def of(cls, record: UploadRecord) -> Self:
        return cls(
            id=record.id,
            sha256=record.blob.sha256,
            size=record.blob.size,
            filename=record.filename,
            created_at=record.created_at,
        )
