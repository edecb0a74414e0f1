"""Purified models, and the names that they are called by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.records.base import Record
from service.records.files import BlobRecord


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
