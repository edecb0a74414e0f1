"""What an erasure deleted, as lines of JSON whose digest is kept in the audit log.

The first line says whose and when, each other one names a row that is gone, and for bytes their
sha256. It is made from the erasure's notes whenever it is asked for, and is the same each time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import Database
from service.records import ErasedRecord, ErasureRecord

BATCH = 500
MEDIA_TYPE = "application/jsonl"


def digest(session: Session, erasure: ErasureRecord) -> str:
    """The sha256 of the certificate."""
    found = hashlib.sha256(_head(erasure))
    after = 0
    while page := _page(session, erasure.id, after):
        found.update(b"".join(map(_line_of, page)))
        after = page[-1].sequence
    return found.hexdigest()


def chunks(database: Database, erasure: ErasureRecord) -> Iterator[bytes]:
    """The certificate of a finished erasure, in constant memory."""
    yield _head(erasure)
    after = 0
    while True:
        with database.read() as session:
            page = _page(session, erasure.id, after)
        if not page:
            return
        yield b"".join(map(_line_of, page))
        after = page[-1].sequence


def _page(session: Session, erasure_id: str, after: int) -> Sequence[ErasedRecord]:
    query = select(ErasedRecord).where(
        ErasedRecord.erasure_id == erasure_id, ErasedRecord.sequence > after
    )
    return session.scalars(query.order_by(ErasedRecord.sequence).limit(BATCH)).all()


def _head(erasure: ErasureRecord) -> bytes:
    assert erasure.finished_at is not None  # noqa: S101 - there is no certificate before
    return _line(
        {
            "schema_version": 1,
            "erasure": erasure.id,
            "tenant": erasure.tenant,
            "everything": erasure.everything,
            "requested_at": erasure.created_at.isoformat(),
            "requested_by": erasure.requested_by,
            "finished_at": erasure.finished_at.isoformat(),
            "deleted": erasure.items,
            "left": 0,
        }
    )


def _line_of(erased: ErasedRecord) -> bytes:
    line: dict[str, Any] = {"kind": erased.kind, "id": erased.item}
    if erased.sha256 is not None:
        line |= {"sha256": erased.sha256, "size": erased.size}
    return _line(line)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
