"""What may be removed when it is old, and what keeps it nevertheless. SQL of the sweep.

A row is old by two clocks: the database's, that wrote its time, and the one of the API that made
its id. What keeps it is asked again in the transaction that deletes it, with the row locked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, delete, exists, or_, select
from sqlalchemy.orm import Session
from ulid import ULID

from service.blobs import blob_ids_of
from service.defenses import repository as defenses
from service.defenses.states import Status
from service.names import repository as names
from service.records import (
    AuditRecord,
    DefenseRecord,
    DeliveryRecord,
    EventRecord,
    InputRecord,
    ModelRecord,
    NameRecord,
    NameVersionRecord,
    TenantRecord,
    UploadRecord,
)
from service.webhooks.schemas import State

Row = Any
"""One of the records."""
ENDED = sorted(status for status in Status if status.is_terminal)


@dataclass(frozen=True)
class Kind:
    """``old``: conditions on a tenant's rows from before a moment. ``since``: what its age counts
    from. ``kept_by``: why it stays although it is old; ``served`` are names and ids of models that
    the operator has loaded at every start. ``remove`` deletes the row, and returns the blobs that
    it referred to."""

    name: str
    record: type[Row]
    old: Callable[[str, datetime], Sequence[ColumnElement[bool]]]
    since: Callable[[Row], datetime]
    kept_by: Callable[[Session, Row, Collection[str]], str | None]
    remove: Callable[[Session, Row], list[str]]


def made_before(column: Any, prefix: str, moment: datetime) -> ColumnElement[bool]:  # noqa: ANN401
    """By the time that an id holds."""
    last = f"{prefix}_{str(ULID.from_datetime(moment)).lower()[:10]}"
    found: ColumnElement[bool] = column < last
    return found


def _old_uploads(tenant: str, moment: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        UploadRecord.tenant == tenant,
        made_before(UploadRecord.id, "upl", moment),
        UploadRecord.created_at < moment,
    )


def _upload_kept(session: Session, record: UploadRecord, _served: Collection[str]) -> str | None:
    unfinished = (
        exists()
        .where(InputRecord.blob_id == record.blob_id, InputRecord.defense_id == DefenseRecord.id)
        .where(DefenseRecord.status.not_in(ENDED))
    )
    if session.scalar(select(unfinished)):
        return "a defense that has not ended uses its bytes"
    return None


def _remove_upload(session: Session, record: UploadRecord) -> list[str]:
    session.delete(record)
    return [record.blob_id]


def _old_defenses(tenant: str, moment: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        DefenseRecord.tenant == tenant,
        made_before(DefenseRecord.id, "def", moment),
        DefenseRecord.status.in_(ENDED),
        DefenseRecord.finished_at < moment,
    )


def _defense_kept(session: Session, record: DefenseRecord, served: Collection[str]) -> str | None:
    waiting = (
        DeliveryRecord.defense_id == record.id,
        DeliveryRecord.state == State.WAITING,
    )
    if session.scalar(select(exists().where(*waiting))):
        return "a message to its webhook is still to be delivered"
    if record.model is None:
        return None
    why = _model_kept(session, record.model, served)
    return (
        f"its model {record.model.id} stays, and its report is about that: {why}" if why else None
    )


def _remove_defense(session: Session, record: DefenseRecord) -> list[str]:
    blob_ids = blob_ids_of(session, record.id)
    defenses.delete(session, record.id)
    return blob_ids


def _old_models(tenant: str, moment: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        ModelRecord.tenant == tenant,
        made_before(ModelRecord.id, "mdl", moment),
        ModelRecord.created_at < moment,
    )


def _model_kept(session: Session, record: ModelRecord, served: Collection[str]) -> str | None:
    if record.id in served:
        return "POLARIZER_ENGINE_PRELOAD names it"
    versions = select(NameVersionRecord).where(NameVersionRecord.model_id == record.id)
    for version in session.scalars(versions.order_by(NameVersionRecord.name)).all():
        name = session.get_one(NameRecord, (version.tenant, version.name))
        if version.version == name.version:
            return f"the name {name.name!r} points at it"
        before = names.previous(session, name)
        if before is not None and before.model_id == record.id:
            return f"the name {name.name!r} would go back to it"
    return None


def _remove_model(session: Session, record: ModelRecord) -> list[str]:
    session.delete(record)
    return [blob_id for blob_id in (record.blob_id, record.alarm_blob_id) if blob_id]


UPLOADS = Kind(
    "uploads",
    UploadRecord,
    _old_uploads,
    lambda record: record.created_at,
    _upload_kept,
    _remove_upload,
)
DEFENSES = Kind(
    "defenses",
    DefenseRecord,
    _old_defenses,
    lambda record: record.finished_at,
    _defense_kept,
    _remove_defense,
)
MODELS = Kind(
    "models",
    ModelRecord,
    _old_models,
    lambda record: record.created_at,
    _model_kept,
    _remove_model,
)
KINDS = (DEFENSES, MODELS, UPLOADS)
"""Defenses first: what they free, the others need not wait for."""


def forget_events(session: Session, tenant: str, moment: datetime) -> int:
    """What happened in defenses that ended before, but for their states; returns how many."""
    ended = select(DefenseRecord.id).where(*_old_defenses(tenant, moment))
    query = delete(EventRecord).where(
        EventRecord.defense_id.in_(ended), EventRecord.type != "status"
    )
    return _count(session, query)


def forget_entries(session: Session, tenant: str | None, moment: datetime) -> int:
    """The audit log's older entries of a tenant, or of nobody who is one; returns how many."""
    whose = AuditRecord.tenant == tenant
    if tenant is None:
        whose = or_(
            AuditRecord.tenant.is_(None), AuditRecord.tenant.not_in(select(TenantRecord.id))
        )
    return _count(session, delete(AuditRecord).where(whose, AuditRecord.created_at < moment))


def _count(session: Session, query: Delete) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]
