"""What a caller sees of an upload in parts, and says to begin one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from service.records import MultipartRecord, PartRecord
from service.uploads.multipart.plan import MOST_PARTS, KeptPart, part_count
from service.uploads.multipart.states import MultipartState

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["9f86d081884c7d65" * 4])]
Size = Annotated[int, Field(ge=1, le=1 << 60, description="bytes", examples=[1073741824])]
Number = Annotated[int, Field(ge=1, le=MOST_PARTS, examples=[1])]


class MultipartRequest(BaseModel):
    """The whole file, before its first byte is sent."""

    model_config = ConfigDict(extra="forbid")

    size: Size
    sha256: Annotated[Sha256, Field(description="of the whole file")]
    filename: Annotated[
        str | None, Field(max_length=1024, description="for showing only", examples=["m.pt"])
    ] = None
    part_size: Annotated[
        int | None,
        Field(ge=1, le=1 << 60, description="a wish, in bytes; the answer has what it became"),
    ] = None


class Multipart(BaseModel):
    """An upload in parts: all of ``part_size`` bytes but the last."""

    id: Annotated[str, Field(examples=["mpu_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    state: MultipartState
    size: Size
    sha256: Sha256
    filename: str | None
    part_size: Annotated[int, Field(description="bytes", examples=[16777216])]
    part_count: Annotated[int, Field(examples=[64])]
    links: Annotated[bool, Field(description="whether there are links to send parts by")]
    upload_id: Annotated[str | None, Field(description="of the upload that it became")]
    created_at: datetime
    expires_at: Annotated[datetime, Field(description="when it is aborted, unless complete")]

    @classmethod
    def of(cls, record: MultipartRecord, *, links: bool) -> Self:
        return cls(
            id=record.id,
            state=record.state,
            size=record.size,
            sha256=record.sha256,
            filename=record.filename,
            part_size=record.part_size,
            part_count=part_count(record.size, record.part_size),
            links=links,
            upload_id=record.upload_id,
            created_at=record.created_at,
            expires_at=record.expires_at,
        )


class Part(BaseModel):
    """A part that is kept."""

    number: Number
    size: Annotated[int, Field(description="bytes", examples=[16777216])]
    sha256: Annotated[
        str | None, Field(description="none of a part that was sent by a link: nobody has read it")
    ]

    @classmethod
    def of(cls, part: PartRecord | KeptPart) -> Self:
        return cls(number=part.number, size=part.size, sha256=part.sha256)


class LinksRequest(BaseModel):
    """Which parts are to be sent by links."""

    model_config = ConfigDict(extra="forbid")

    numbers: Annotated[list[Number], Field(min_length=1, max_length=100)]


class PartLink(BaseModel):
    """Where to send one part, with exactly ``size`` bytes and without a key."""

    number: Number
    method: Literal["PUT"] = "PUT"
    url: str
    size: Annotated[int, Field(description="bytes; the Content-Length of the request")]
    expires_at: datetime


class PartLinks(BaseModel):
    """In the order that was asked for."""

    data: list[PartLink]
