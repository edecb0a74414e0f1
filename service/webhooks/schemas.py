"""What a caller asks to be told, and sees of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from service.defenses.states import Status

if TYPE_CHECKING:
    from service.records import DeliveryRecord, WebhookSecretRecord


class Kind(StrEnum):
    """What is told of a defense."""

    RUNNING = "defense.running"
    SUCCEEDED = "defense.succeeded"
    FAILED = "defense.failed"
    CANCELLED = "defense.cancelled"

    @classmethod
    def of(cls, status: Status) -> Kind | None:
        """What a defense that comes into this state tells, if anything."""
        return _KINDS.get(status)


_KINDS = {
    Status.RUNNING: Kind.RUNNING,
    Status.SUCCEEDED: Kind.SUCCEEDED,
    Status.FAILED: Kind.FAILED,
    Status.CANCELLED: Kind.CANCELLED,
}
ENDS = (Kind.SUCCEEDED, Kind.FAILED, Kind.CANCELLED)


class Webhook(BaseModel):
    """Where to send what becomes of a defense. Needs a secret: `POST /v1/webhooks/secrets`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            pattern=r"^[!-~]+$",
            examples=["https://hooks.example.com/polarizer"],
            description="a public https address; redirects are not followed",
        ),
    ]
    events: Annotated[
        tuple[Kind, ...], Field(min_length=1, max_length=4, description="what to tell")
    ] = ENDS


class NewSecret(BaseModel):
    """How long the secrets before the new one go on signing beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_previous_hours: Annotated[float, Field(ge=0, le=168, allow_inf_nan=False)] = 24.0


class Secret(BaseModel):
    """A secret that signs, but for what it is."""

    id: Annotated[str, Field(examples=["whs_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    created_at: datetime
    expires_at: Annotated[datetime | None, Field(description="null: it signs until it is replaced")]

    @classmethod
    def of(cls, record: WebhookSecretRecord) -> Self:
        return cls(id=record.id, created_at=record.created_at, expires_at=record.expires_at)


class CreatedSecret(Secret):
    """The only answer that holds the secret itself."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class State(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


class Delivery(BaseModel):
    """One message, and how it fared."""

    id: Annotated[str, Field(description="its `webhook-id`", examples=["msg_01kpgs5m3w8x7v6t5r"])]
    type: Kind
    url: str
    state: State
    attempts: int
    last_status: Annotated[int | None, Field(description="of the last answer; null: none came")]
    last_error: Annotated[str | None, Field(description="why the last attempt failed")]
    created_at: datetime
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, record: DeliveryRecord) -> Self:
        waits = record.state == State.WAITING
        return cls(
            id=record.id,
            type=Kind(record.type),
            url=record.url,
            state=State(record.state),
            attempts=record.attempts,
            last_status=record.last_status,
            last_error=record.last_error,
            created_at=record.created_at,
            next_attempt_at=record.next_attempt_at if waits else None,
        )


class Deliveries(BaseModel):
    """All of one defense, oldest first."""

    data: list[Delivery]


class Secrets(BaseModel):
    """Those that sign, newest first."""

    data: list[Secret]
