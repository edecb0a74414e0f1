"""What was deleted because somebody asked for it, as the proof of that."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.records.base import Record


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
