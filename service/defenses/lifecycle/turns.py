"""Whose job is next: tenants take turns, so that nobody's thousand jobs keep another's one waiting.

Of the tenants that have something waiting in a queue, the one with the fewest jobs running there is
next; of those with equally many, the one whose last job began longest ago. Within a tenant, a job
of higher priority goes first, then the older one. Nothing of this is kept: it is read from the rows
when a worker has a hand free, from partial indices that hold only what waits and what runs, so it
takes as long among a million ended jobs as among none.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from service.defenses.states import QueueName
from service.records import LEASED, WAITING, DefenseRecord

MOST_TENANTS = 20
"""Whose turn it may be: the jobs of the first ones may be locked by workers that take them now."""


def is_waiting(queue: QueueName) -> ColumnElement[bool]:
    """Of defenses."""
    return and_(WAITING, DefenseRecord.queue == queue)


def tenants_in_turn(session: Session, queue: QueueName) -> Sequence[str]:
    """Tenants that have a job waiting, the one whose turn it is first."""
    waiting = select(func.min(DefenseRecord.tenant).label("tenant")).where(is_waiting(queue))
    tenants = waiting.cte("tenants", recursive=True)
    after_it = waiting.where(DefenseRecord.tenant > tenants.c.tenant).scalar_subquery()
    tenants = tenants.union_all(select(after_it).where(tenants.c.tenant.is_not(None)))
    of_tenant = and_(DefenseRecord.queue == queue, DefenseRecord.tenant == tenants.c.tenant)
    running = (
        select(func.count()).select_from(DefenseRecord).where(LEASED, of_tenant).scalar_subquery()
    )
    last_began = select(func.max(DefenseRecord.started_at)).where(of_tenant).scalar_subquery()
    first_job = (
        _jobs(queue).where(DefenseRecord.tenant == tenants.c.tenant).limit(1).scalar_subquery()
    )
    query = (
        select(tenants.c.tenant)
        .where(tenants.c.tenant.is_not(None))
        .order_by(running, last_began.asc().nulls_first(), first_job)
        .limit(MOST_TENANTS)
    )
    return session.scalars(query).all()


def next_of(session: Session, queue: QueueName, tenant: str) -> str | None:
    """The tenant's next job, locked until commit; one that another worker is taking is passed."""
    query = _jobs(queue).where(DefenseRecord.tenant == tenant).limit(1)
    found: str | None = session.scalar(query.with_for_update(skip_locked=True))
    return found


def _jobs(queue: QueueName):  # type: ignore[no-untyped-def]  # noqa: ANN202
    waiting = select(DefenseRecord.id).where(is_waiting(queue))
    return waiting.order_by(DefenseRecord.priority.desc(), DefenseRecord.id)
