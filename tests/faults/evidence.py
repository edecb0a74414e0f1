"""What there is in the end, read from the database and the store: plain facts for ``audit.py``,
which a test can falsify one by one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from service.database import Database
from service.records import (
    BlobRecord,
    DefenseRecord,
    EventRecord,
    IdempotencyRecord,
    ModelRecord,
    UploadRecord,
)
from service.storage import Store


@dataclass
class EventFact:
    sequence: int
    attempt: int
    kind: str
    data: dict[str, Any]
    at: datetime


@dataclass
class DefenseFact:
    status: str
    attempt: int
    event_count: int
    report_blob: str | None
    inputs: list[str]
    events: list[EventFact]
    models: list[str]
    """Ids of the models that it made and that are still there."""


@dataclass
class ModelFact:
    blob: str
    defense: str | None
    alarm_blob: str | None = None


@dataclass
class BlobFact:
    sha256: str
    size: int
    live: bool


@dataclass
class StoredFact:
    """Bytes in the store: what they are, not what they should be. ``first_line`` of an artefact
    names the defense and the attempt that made it; ``report`` is given for JSON."""

    sha256: str
    size: int
    first_line: str = ""


@dataclass
class Evidence:
    """Everything by id; stored bytes by the id of the blob in their key."""

    defenses: dict[str, DefenseFact] = field(default_factory=dict)
    models: dict[str, ModelFact] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    """The blob of each."""
    blobs: dict[str, BlobFact] = field(default_factory=dict)
    keys: dict[str, str | None] = field(default_factory=dict)
    """The defense that each Idempotency-Key has made."""
    stored: dict[str, StoredFact] = field(default_factory=dict)


def gather(database: Database, store: Store) -> Evidence:
    """Reads everything, the bytes too."""
    found = Evidence()
    with database.read() as session:
        for blob in session.scalars(select(BlobRecord)):
            found.blobs[blob.id] = BlobFact(blob.sha256, blob.size, blob.live)
        for upload in session.scalars(select(UploadRecord)):
            found.uploads[upload.id] = upload.blob_id
        for model in session.scalars(select(ModelRecord)):
            fact = ModelFact(model.blob_id, model.defense_id, model.alarm_blob_id)
            found.models[model.id] = fact
        for key in session.scalars(select(IdempotencyRecord)):
            found.keys[key.key] = key.defense_id
        for defense in session.scalars(select(DefenseRecord)).unique():
            found.defenses[defense.id] = _defense(defense)
        ordered = select(EventRecord).order_by(EventRecord.defense_id, EventRecord.sequence)
        for event in session.scalars(ordered):
            fact = EventFact(
                event.sequence, event.attempt, event.type, event.data, event.created_at
            )
            found.defenses[event.defense_id].events.append(fact)
    for model_id, model in found.models.items():
        if model.defense is not None:
            found.defenses[model.defense].models.append(model_id)
    for item in store.list():
        found.stored[item.key.rsplit("/", 1)[-1]] = _stored(store, item.key)
    return found


def _defense(record: DefenseRecord) -> DefenseFact:
    return DefenseFact(
        status=str(record.status),
        attempt=record.attempt,
        event_count=record.event_count,
        report_blob=record.report_blob_id,
        inputs=[item.blob_id for item in record.inputs if item.blob_id],
        events=[],
        models=[],
    )


def _stored(store: Store, key: str) -> StoredFact:
    content = b"".join(store.read(key))
    line = content[:200].split(b"\n", 1)[0].decode(errors="replace")
    return StoredFact(hashlib.sha256(content).hexdigest(), len(content), line)
