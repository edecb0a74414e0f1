"""What a caller says and sees of an erasure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from service.records import ErasureRecord


class NewErasure(BaseModel):
    """Everything of the tenant shall be deleted."""

    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[
        str, Field(max_length=64, description="the tenant's name, as `/v1/whoami` tells it")
    ]


class Erasure(BaseModel):
    """A deletion of everything that a tenant has; ``finished_at`` says that nothing is left."""

    id: Annotated[str, Field(examples=["era_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    tenant: str
    everything: Annotated[bool, Field(description="keys, audit log and the tenant itself too")]
    deleted: Annotated[int, Field(description="rows so far; blobs count once")]
    sha256: Annotated[str | None, Field(description="of the certificate; null: not finished")]
    requested_by: Annotated[str | None, Field(description="a key; null: somebody without one")]
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, record: ErasureRecord) -> Self:
        return cls(
            id=record.id,
            tenant=record.tenant,
            everything=record.everything,
            deleted=record.items,
            sha256=record.sha256,
            requested_by=record.requested_by,
            created_at=record.created_at,
            finished_at=record.finished_at,
        )
