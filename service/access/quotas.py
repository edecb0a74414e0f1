"""How many defenses and bytes a tenant may have. Counted in the transaction that adds to them, with
the tenant's row locked, so that requests side by side cannot pass the limit together."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.access import repository
from service.access.callers import limits_of_caller
from service.access.errors import QuotaError
from service.access.limits import DAY
from service.database import now
from service.defenses.states import Status
from service.records import BlobRecord, DefenseRecord, TenantRecord

RETRY_SECONDS = 30
"""When a place among the waiting defenses may be free again."""


def take_defense(session: Session, tenant: str) -> None:
    """Counts a defense that this transaction adds. Raises QuotaError."""
    limits = limits_of_caller()
    if limits is None:
        return
    record = repository.get_tenant(session, tenant, lock=True)
    moment = now(session)
    if limits.waiting_defenses and waiting_defenses(session, tenant) >= limits.waiting_defenses:
        raise QuotaError(
            f"{limits.waiting_defenses} defenses of this tenant are queued or running, which is"
            " its limit; wait for one to end, or cancel one",
            retry_after=RETRY_SECONDS,
        )
    made = defenses_today(record, moment)
    if limits.defenses_a_day and made >= limits.defenses_a_day:
        raise QuotaError(
            f"this tenant may ask for {limits.defenses_a_day} defenses a day (UTC)",
            retry_after=_seconds_to_midnight(moment),
        )
    record.counted_on, record.defenses_counted = _day(moment), made + 1


def require_room(session: Session, tenant: str, nbytes: int = 0) -> None:
    """For so many bytes more than are stored already. Raises QuotaError: waiting does not help, so
    it names no time."""
    limits = limits_of_caller()
    if limits is None or not limits.stored_bytes:
        return
    repository.get_tenant(session, tenant, lock=True)
    if stored_bytes(session, tenant) + nbytes > limits.stored_bytes:
        raise QuotaError(
            f"this tenant may store {limits.stored_bytes} bytes; delete defenses, models or uploads"
            " that are not needed any more"
        )


def waiting_defenses(session: Session, tenant: str) -> int:
    """Queued and running."""
    waiting = [status for status in Status if not status.is_terminal]
    query = select(func.count()).where(
        DefenseRecord.tenant == tenant, DefenseRecord.status.in_(waiting)
    )
    return session.scalar(query) or 0


def stored_bytes(session: Session, tenant: str) -> int:
    """The same bytes count once in a tenant, and in every tenant that has them."""
    query = select(func.sum(BlobRecord.size)).where(BlobRecord.tenant == tenant)
    return int(session.scalar(query) or 0)


def defenses_today(record: TenantRecord, moment: datetime) -> int:
    """Asked for, whatever became of them."""
    return record.defenses_counted if record.counted_on == _day(moment) else 0


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _seconds_to_midnight(moment: datetime) -> int:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=DAY)
    return max(1, int((midnight - moment).total_seconds()) + 1)
