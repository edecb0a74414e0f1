"""SQL of defended models: find, list, add, remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from polarizer.alarm.facts import Calibration
from polarizer.description import ModelDescription
from service.database import now
from service.errors import NotFoundError
from service.ids import new_id
from service.records import ModelRecord


def add(
    session: Session,
    *,
    tenant: str,
    name: str | None,
    defense_id: str | None,
    blob_id: str,
    description: ModelDescription,
    method: str,
    numbers: dict[str, Any],
    alarm: Calibration | None = None,
    alarm_blob_id: str | None = None,
) -> ModelRecord:
    """A new model; the row's foreign keys keep its blobs from being swept."""
    record = ModelRecord(
        id=new_id("mdl"),
        tenant=tenant,
        name=name,
        defense_id=defense_id,
        blob_id=blob_id,
        description=description.model_dump(mode="json"),
        method=method,
        numbers=numbers,
        created_at=now(session),
        alarm=alarm.model_dump(mode="json") if alarm else None,
        alarm_blob_id=alarm_blob_id if alarm else None,
    )
    session.add(record)
    session.flush()
    return record


def get(session: Session, tenant: str, model_id: str, *, lock: bool = False) -> ModelRecord:
    """Raises NotFoundError also for another tenant's; ``lock`` holds the row until commit."""
    query = select(ModelRecord).where(ModelRecord.tenant == tenant, ModelRecord.id == model_id)
    if lock:
        query = query.with_for_update(of=ModelRecord)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no model {model_id!r}")
    return found


def page(
    session: Session, tenant: str, *, after: str | None, limit: int
) -> tuple[Sequence[ModelRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(ModelRecord).where(ModelRecord.tenant == tenant)
    if after:
        query = query.where(ModelRecord.id < after)
    found = session.scalars(query.order_by(ModelRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit
