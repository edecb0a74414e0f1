"""Jobs: what was asked for, what was given, what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, TextClause, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.defenses.states import QueueName, Stage, Status
from service.records.base import Record
from service.records.files import BlobRecord
from service.records.models import ModelRecord

WAITING, LEASED = text("status = 'queued'"), text("status IN ('running', 'cancelling')")
"""Defenses of these states have indices of their own, which stay small however many have ended. A
query that is to use one spells these conditions out: the planner matches no parameter."""


def _only(condition: TextClause) -> dict[str, Any]:
    """Makes an index a partial one."""
    return {"postgresql_where": condition, "sqlite_where": condition}


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
