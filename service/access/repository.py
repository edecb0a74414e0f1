"""SQL of tenants and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service.database import now
from service.errors import NotFoundError
from service.records import KeyRecord, TenantRecord

USED_EVERY = timedelta(minutes=1)


def add_tenant(session: Session, tenant: str) -> TenantRecord:
    """Raises IntegrityError when there is one of this name."""
    record = TenantRecord(id=tenant, limits=None, defenses_counted=0, created_at=now(session))
    session.add(record)
    session.flush()
    return record


def get_tenant(session: Session, tenant: str, *, lock: bool = False) -> TenantRecord:
    """Raises NotFoundError; ``lock`` holds the row until commit."""
    found = session.get(TenantRecord, tenant, with_for_update=lock or None)
    if found is None:
        raise NotFoundError(f"there is no tenant {tenant!r:.80}")
    return found


def tenants(session: Session) -> Sequence[TenantRecord]:
    """All, by the alphabet."""
    return session.scalars(select(TenantRecord).order_by(TenantRecord.id)).all()


def get(session: Session, tenant: str | None, key_id: str) -> KeyRecord:
    """Raises NotFoundError also for another tenant's; without a tenant, any's."""
    query = select(KeyRecord).where(KeyRecord.id == key_id)
    if tenant is not None:
        query = query.where(KeyRecord.tenant == tenant)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no key {key_id!r:.80}")
    return found


def page(
    session: Session, tenant: str | None, *, after: str | None, limit: int
) -> tuple[Sequence[KeyRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(KeyRecord)
    if tenant is not None:
        query = query.where(KeyRecord.tenant == tenant)
    if after:
        query = query.where(KeyRecord.id < after)
    found = session.scalars(query.order_by(KeyRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def revoke(session: Session, record: KeyRecord) -> None:
    """From now on; does nothing when it was revoked before."""
    if record.revoked_at is None:
        record.revoked_at = now(session)


def with_tenant(session: Session, key_id: str) -> tuple[KeyRecord, TenantRecord] | None:
    """A key, whoever's, and its tenant."""
    query = (
        select(KeyRecord, TenantRecord)
        .join(TenantRecord, TenantRecord.id == KeyRecord.tenant)
        .where(KeyRecord.id == key_id)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def any_key(session: Session) -> bool:
    """Whether there ever was one: a key that ran out must not open the door for everybody."""
    return bool(session.scalar(select(exists().select_from(KeyRecord))))


def any_usable_key(session: Session) -> bool:
    """Whether somebody could come in."""
    return bool(session.scalar(select(exists().where(*_usable(session)))))


def count_usable(session: Session, tenant: str) -> int:
    """How many keys of the tenant are neither revoked nor expired."""
    query = select(func.count()).select_from(KeyRecord)
    query = query.where(KeyRecord.tenant == tenant, *_usable(session))
    return session.scalar(query) or 0


def _usable(session: Session) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    unexpired = or_(KeyRecord.expires_at.is_(None), KeyRecord.expires_at > now(session))
    return KeyRecord.revoked_at.is_(None), unexpired


def note_use(session: Session, used: Mapping[str, datetime]) -> None:
    """When keys were used last; at most once a minute a key."""
    for key_id, moment in sorted(used.items()):
        before: Any = KeyRecord.last_used_at
        stale = or_(before.is_(None), before < moment - USED_EVERY)
        query = update(KeyRecord).where(KeyRecord.id == key_id, stale)
        session.execute(query.values(last_used_at=moment))
