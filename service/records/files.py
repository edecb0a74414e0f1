"""Stored bytes, and how they came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.records.base import Record
from service.uploads.multipart.states import MultipartState


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
