"""The tables. Rows are read and written by the repositories only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    TextClause,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from service.defenses.states import QueueName, Stage, Status
from service.uploads.multipart.states import MultipartState

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


WAITING, LEASED = text("status = 'queued'"), text("status IN ('running', 'cancelling')")
"""Defenses of these states have indices of their own, which stay small however many have ended. A
query that is to use one spells these conditions out: the planner matches no parameter."""


def _only(condition: TextClause) -> dict[str, Any]:
    """Makes an index a partial one."""
    return {"postgresql_where": condition, "sqlite_where": condition}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; SQLite keeps it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Record(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON(), str: String()}


class BlobRecord(Record):
    """Bytes in the object store. The row comes before the bytes (``live`` false) and goes before
    them too, so a stored key without a row is always garbage."""

    __tablename__ = "blobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64), server_default="default")
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    live: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    shared_at: Mapped[datetime | None]  # last time an upload of the same bytes took this row
    __table_args__ = (Index(None, "tenant", "sha256"),)

    @property
    def key(self) -> str:
        return f"{self.sha256[:2]}/{self.sha256}/{self.id}"


class UploadRecord(Record):
    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    blob_id: Mapped[str] = mapped_column(ForeignKey("blobs.id"), index=True)
    filename: Mapped[str | None]
    created_at: Mapped[datetime]
    blob: Mapped[BlobRecord] = relationship(lazy="joined")
    __table_args__ = (Index(None, "tenant", "id"),)


class MultipartRecord(Record):
    """An upload in parts. While it is open it refers to a blob that is not live yet; once it is
    complete, to the upload. ``handle``: what the store knows its parts by, from the first on."""

    __tablename__ = "multipart_uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    state: Mapped[MultipartState] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))  # promised, of the whole
    size: Mapped[int] = mapped_column(BigInteger)
    part_size: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None]
    handle: Mapped[str | None]
    blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    upload_id: Mapped[str | None] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    blob: Mapped[BlobRecord | None] = relationship(lazy="joined")
    upload: Mapped[UploadRecord | None] = relationship(lazy="joined")
    __table_args__ = (Index(None, "tenant", "id"),)


class PartRecord(Record):
    """A part that came through the service and is stored."""

    __tablename__ = "multipart_parts"
    multipart_id: Mapped[str] = mapped_column(
        ForeignKey("multipart_uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    tag: Mapped[str]  # the store's


class DefenseRecord(Record):
    __tablename__ = "defenses"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    name: Mapped[str | None]
    status: Mapped[Status] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer, default=5, server_default="5")
    queue: Mapped[QueueName] = mapped_column(
        String(16), default=QueueName.CPU, server_default=QueueName.CPU
    )
    stage: Mapped[Stage | None] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    request: Mapped[dict[str, Any]]  # description, target, config: DefenseRequest without inputs
    numbers: Mapped[dict[str, Any] | None]  # accuracy_before, …
    error: Mapped[dict[str, Any] | None]  # {"code": …, "message": …}
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    enqueued_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    estimated_finish_at: Mapped[datetime | None]
    event_count: Mapped[int] = mapped_column(Integer, default=0)
    webhook_url: Mapped[str | None]  # empty too once nobody is there any more
    webhook_events: Mapped[list[str] | None] = mapped_column(JSON)
    fingerprint: Mapped[str | None] = mapped_column(String(64))  # of what made its model; succeeded
    answered_from: Mapped[str | None]  # the defense whose result this one was given
    request_id: Mapped[str | None] = mapped_column(String(64))  # of the request that made it
    traceparent: Mapped[str | None] = mapped_column(String(64))  # its place in a trace
    report_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    report: Mapped[BlobRecord | None] = relationship(lazy="joined")
    inputs: Mapped[list[InputRecord]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="InputRecord.role"
    )
    model: Mapped[ModelRecord | None] = relationship(lazy="joined", passive_deletes=True)
    __table_args__ = (
        Index(None, "tenant", "id"),
        Index(None, "tenant", "status", "id"),
        Index(None, "queue", "tenant", "started_at"),
        Index("ix_defenses_waiting", "queue", "tenant", priority.desc(), "id", **_only(WAITING)),
        Index("ix_defenses_leased", "queue", "tenant", **_only(LEASED)),
        Index(None, "tenant", "fingerprint"),
    )


class InputRecord(Record):
    """One input of a defense: bytes that we keep, or a reference that the worker fetches."""

    __tablename__ = "defense_inputs"
    defense_id: Mapped[str] = mapped_column(
        ForeignKey("defenses.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(16), primary_key=True)  # model, clean, test, triggered
    blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    uri: Mapped[str | None]
    sha256: Mapped[str | None]  # of the blob, or what the request promised for the uri
    filename: Mapped[str | None]
    blob: Mapped[BlobRecord | None] = relationship(lazy="joined")


class EventRecord(Record):
    __tablename__ = "events"
    defense_id: Mapped[str] = mapped_column(
        ForeignKey("defenses.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    attempt: Mapped[int]
    type: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ModelRecord(Record):
    __tablename__ = "models"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    name: Mapped[str | None]
    defense_id: Mapped[str | None] = mapped_column(
        ForeignKey("defenses.id", ondelete="SET NULL"), unique=True
    )
    blob_id: Mapped[str] = mapped_column(ForeignKey("blobs.id"), index=True)
    description: Mapped[dict[str, Any]]  # polarizer.description.ModelDescription
    method: Mapped[str]
    numbers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    alarm: Mapped[dict[str, Any] | None]  # polarizer.alarm.facts.Calibration; none was calibrated
    alarm_on: Mapped[bool] = mapped_column(default=True)
    alarm_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    blob: Mapped[BlobRecord] = relationship(lazy="joined", foreign_keys=blob_id)
    alarm_blob: Mapped[BlobRecord | None] = relationship(lazy="joined", foreign_keys=alarm_blob_id)
    __table_args__ = (Index(None, "tenant", "id"),)


class NameRecord(Record):
    """A name that callers infer by; ``version`` is the one that answers now."""

    __tablename__ = "names"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    latest: Mapped[int] = mapped_column(Integer)  # the highest that there was
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class NameVersionRecord(Record):
    """What a name pointed to; numbered from 1. ``model_id`` is empty once the model is deleted."""

    __tablename__ = "name_versions"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    model_id: Mapped[str | None] = mapped_column(
        ForeignKey("models.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "name"], ["names.tenant", "names.name"], ondelete="CASCADE"
        ),
    )


class IdempotencyRecord(Record):
    """An Idempotency-Key; ``defense_id`` is empty while its first request is being worked on."""

    __tablename__ = "idempotency_keys"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    payload_sha256: Mapped[str]
    defense_id: Mapped[str | None] = mapped_column(
        ForeignKey("defenses.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]


class WebhookSecretRecord(Record):
    """What a tenant's signing secret is derived from, with the operator's key."""

    __tablename__ = "webhook_secrets"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    __table_args__ = (Index(None, "tenant", "id"),)


class DeliveryRecord(Record):
    """A message to a webhook. While it waits, its next attempt is due; while an attempt is made,
    that lies after the time which one can take."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    defense_id: Mapped[str] = mapped_column(
        ForeignKey("defenses.id", ondelete="CASCADE"), index=True
    )
    type: Mapped[str] = mapped_column(String(32))
    url: Mapped[str]
    body: Mapped[str | None]  # made at the first attempt
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime]
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    __table_args__ = (Index(None, "state", "next_attempt_at"),)


class TenantRecord(Record):
    """Whom rows belong to. ``limits`` and ``retention`` are its own, where they differ from the
    settings'."""

    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    limits: Mapped[dict[str, Any] | None]
    retention: Mapped[dict[str, Any] | None]
    counted_on: Mapped[str | None] = mapped_column(String(10))  # the day of defenses_counted, UTC
    defenses_counted: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]


class KeyRecord(Record):
    """An API key, of which only a hash is kept. It stays when it is revoked."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64), ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(String(100))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    requests_per_second: Mapped[float | None] = mapped_column(Float)
    created_at: Mapped[datetime]
    created_by: Mapped[str | None]  # a key; empty: somebody without one, or at the host
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute
    __table_args__ = (Index(None, "tenant", "id"),)


class AuditRecord(Record):
    """Who did, or was refused, what. Rows are only added, and removed when they are old."""

    __tablename__ = "audit"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(64))  # empty: nobody whom we know
    key_id: Mapped[str | None]
    operation: Mapped[str] = mapped_column(String(64))
    target: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[int] = mapped_column(Integer)
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    __table_args__ = (Index(None, "tenant", "id"),)


class ErasureRecord(Record):
    """Somebody asked that everything of a tenant be deleted. It stays, as the proof."""

    __tablename__ = "erasures"
    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    requested_by: Mapped[str | None]  # a key; empty: somebody without one, or at the host
    everything: Mapped[bool]  # keys, audit entries and the tenant's row too
    items: Mapped[int] = mapped_column(Integer, default=0)
    sha256: Mapped[str | None] = mapped_column(String(64))  # of the certificate's lines, once done
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    __table_args__ = (Index(None, "tenant", "id"), Index(None, "finished_at"))


class ErasedRecord(Record):
    """One thing that an erasure deleted: written in the transaction that deleted its row.
    ``stored`` while bytes may still lie in the object store."""

    __tablename__ = "erased"
    erasure_id: Mapped[str] = mapped_column(
        ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # a table's name
    item: Mapped[str] = mapped_column(String(400))  # its primary key
    sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None] = mapped_column(BigInteger)
    stored: Mapped[bool] = mapped_column(default=False)
