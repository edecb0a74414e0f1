"""Who is told of a defense, and what they are told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.records.base import Record


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
