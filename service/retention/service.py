"""What a tenant says of its own periods."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.access import audit, repository
from service.retention.periods import OwnPeriods, Periods, Retention
from service.settings import Settings


def get(session: Session, settings: Settings, tenant: str) -> Retention:
    """Raises NotFoundError."""
    own = repository.get_tenant(session, tenant).retention or {}
    said = {name: own[name] for name in OwnPeriods.model_fields if name in own}
    return Retention(periods=Periods.of(settings, own), own=OwnPeriods(**said))


def put(session: Session, settings: Settings, tenant: str, own: OwnPeriods) -> Retention:
    """In place of what it said before; the operator's word on the audit log stays. Raises
    NotFoundError."""
    record = repository.get_tenant(session, tenant, lock=True)
    kept = {name: days for name, days in (record.retention or {}).items() if name == "audit_days"}
    record.retention = own.given() | kept or None
    audit.note(session, tenant, 200)
    session.flush()
    return get(session, settings, tenant)


def keep(session: Session, tenant: str, own: dict[str, int]) -> None:
    """All periods that are a tenant's own, the audit log's too. Raises NotFoundError."""
    repository.get_tenant(session, tenant, lock=True).retention = own or None
    audit.note(session, tenant, 200)
