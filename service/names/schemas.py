"""What a caller says and sees of names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from service.names import repository
from service.records import NameRecord, NameVersionRecord

HISTORY = 100

ModelId = Annotated[
    str, Field(min_length=1, max_length=64, examples=["mdl_01kpgs5m3w8x7v6t5r4q3p2n1m"])
]


class Pointer(BaseModel):
    """What the name shall point at."""

    model_config = ConfigDict(extra="forbid")

    model_id: ModelId


class Rollback(BaseModel):
    """Which version shall answer."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[
        int | None,
        Field(ge=1, le=2**31 - 1, description="null: the one before the current one"),
    ] = None


class Version(BaseModel):
    """One model that the name pointed at."""

    version: Annotated[int, Field(description="from 1", examples=[2])]
    model_id: Annotated[
        str | None,
        Field(
            description="null once the model is deleted",
            examples=["mdl_01kpgs5m3w8x7v6t5r4q3p2n1m"],
        ),
    ]
    created_at: datetime

    @classmethod
    def of(cls, record: NameVersionRecord) -> Self:
        return cls(version=record.version, model_id=record.model_id, created_at=record.created_at)


class ShortName(BaseModel):
    """A name and which of its versions answers."""

    name: Annotated[str, Field(examples=["street-signs"])]
    version: Annotated[int, Field(description="the one that answers", examples=[2])]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="when it was pointed there")]

    @classmethod
    def short(cls, record: NameRecord) -> ShortName:
        """Without its history."""
        return ShortName(
            name=record.name,
            version=record.version,
            created_at=record.created_at,
            updated_at=record.updated_at,
        )


class Name(ShortName):
    """A name, the model that answers, and what came before."""

    model_id: Annotated[str | None, Field(description="of the version that answers")]
    versions: Annotated[
        list[Version],
        Field(description=f"the last {HISTORY}, newest first; numbers are not reused"),
    ]

    @classmethod
    def of(cls, session: Session, record: NameRecord) -> Self:
        current = repository.version(session, record, record.version)
        versions = repository.history(session, record, limit=HISTORY)
        return cls(
            **ShortName.short(record).model_dump(),
            model_id=current.model_id,
            versions=[Version.of(version) for version in versions],
        )
