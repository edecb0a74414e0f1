"""Who may do what, and who did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.records.base import Record


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
