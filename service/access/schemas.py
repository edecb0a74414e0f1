"""What a caller says and sees of keys, of itself, and of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.access.limits import Limits
from service.access.scopes import Scope
from service.records import AuditRecord, KeyRecord

TenantScope = Literal["read", "infer", "defend", "admin"]

KeyId = Annotated[str, Field(examples=["key_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
Rate = Annotated[
    float | None,
    Field(gt=0, le=1e6, allow_inf_nan=False, description="of this key, below its tenant's limit"),
]


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["nightly pipeline"])]
    scopes: Annotated[
        list[TenantScope],
        Field(
            min_length=1,
            max_length=4,
            description="`read`: see everything; `infer`: ask models; `defend`: `read`, and"
            " upload, defend, move names, delete; `admin`: all of it, keys and the audit log",
        ),
    ]
    expires_at: Annotated[AwareDatetime | None, Field(description="null: never")] = None
    requests_per_second: Rate = None


class Key(BaseModel):
    """A key, but for its secret, which nobody has any more."""

    id: KeyId
    tenant: Annotated[str, Field(examples=["default"])]
    name: str
    scopes: list[Scope]
    requests_per_second: Rate
    created_at: datetime
    created_by: Annotated[
        str | None, Field(description="the key that made it; null: somebody without one")
    ]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="to the minute")]

    @classmethod
    def of(cls, record: KeyRecord) -> Self:
        return cls(**{name: getattr(record, name) for name in Key.model_fields})


class CreatedKey(Key):
    """The one answer that holds the key itself."""

    key: Annotated[str, Field(description="keep it: it is not shown again", examples=["np_…"])]

    @classmethod
    def with_text(cls, record: KeyRecord, text: str) -> Self:
        return cls(**Key.of(record).model_dump(), key=text)


class Usage(BaseModel):
    """What the tenant uses of its limits."""

    waiting_defenses: int
    defenses_today: int
    stored_bytes: int


class Myself(BaseModel):
    """Who is asking, as the service sees it."""

    tenant: str
    key_id: Annotated[str | None, Field(description="null: nobody has to send a key here")]
    scopes: Annotated[list[Scope], Field(description="with those that others imply")]
    limits: Annotated[Limits | None, Field(description="of the tenant; null: none")]
    requests_per_second: Rate
    usage: Usage


class Entry(BaseModel):
    """Somebody did something, or was refused."""

    id: Annotated[str, Field(examples=["aud_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    key_id: Annotated[str | None, Field(description="null: somebody without a key")]
    operation: Annotated[
        str, Field(description="`operationId` of the OpenAPI document", examples=["delete_model"])
    ]
    target: Annotated[str | None, Field(description="id or name of what it was about")]
    status: Annotated[int, Field(description="of the answer", examples=[204])]
    address: Annotated[str | None, Field(description="of the connection; null: at the host")]
    request_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        return cls(**{name: getattr(record, name) for name in Entry.model_fields})
