"""Messages as rows: written with what they tell of, taken for one attempt at a time, settled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.database import now
from service.defenses.states import Status
from service.ids import new_id
from service.records import DefenseRecord, DeliveryRecord
from service.tracing import TraceContext
from service.webhooks.schemas import Kind, State

MINUTE, HOUR = 60.0, 3600.0
PAUSES = (5.0, 5 * MINUTE, *(hours * HOUR for hours in (0.5, 2, 5, 10, 14, 20, 24)))
"""Seconds between an attempt and the next one; there are so many attempts and one."""
JITTER = 0.2
_chance = Random()  # noqa: S311 - no secret
TAKEN = timedelta(minutes=2)
"""Longer than an attempt takes. Who took one and died loses it."""
MOST_OF_A_TENANT = 4
"""Taken at once, so that one tenant's silent receiver does not hold up the others."""
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Taken:
    """One attempt's message, and the request that its defense came from."""

    id: str
    tenant: str
    defense_id: str
    url: str
    body: bytes
    attempt: int
    request_id: str | None
    trace: TraceContext | None


def announce(session: Session, defense_id: str, status: Status) -> None:
    """Writes what is to be told of this change, in its own transaction."""
    kind = Kind.of(status)
    if kind is None:
        return
    found = session.execute(
        select(DefenseRecord.tenant, DefenseRecord.webhook_url, DefenseRecord.webhook_events).where(
            DefenseRecord.id == defense_id, DefenseRecord.webhook_url.is_not(None)
        )
    ).one_or_none()
    if found is None or kind not in found.webhook_events:
        return
    moment = now(session)
    session.add(
        DeliveryRecord(
            id=new_id("msg"),
            tenant=found.tenant,
            defense_id=defense_id,
            type=kind,
            url=found.webhook_url,
            state=State.WAITING,
            created_at=moment,
            next_attempt_at=moment,
        )
    )


def is_anything_due(session: Session) -> bool:
    """A glance that takes no lock."""
    query = select(DeliveryRecord.id).where(
        DeliveryRecord.state == State.WAITING, DeliveryRecord.next_attempt_at <= now(session)
    )
    return session.scalar(query.limit(1)) is not None


def take(session: Session, *, limit: int) -> list[Taken]:
    """Messages that are due, for one attempt each. Any number of processes may take."""
    moment = now(session)
    query = (
        select(DeliveryRecord)
        .where(DeliveryRecord.state == State.WAITING, DeliveryRecord.next_attempt_at <= moment)
        .order_by(DeliveryRecord.next_attempt_at)
        .limit(10 * limit)
    )
    taken: list[Taken] = []
    by_tenant: Counter[str] = Counter()
    for record in session.scalars(query).all():
        if len(taken) < limit and by_tenant[record.tenant] < MOST_OF_A_TENANT:
            by_tenant[record.tenant] += 1
            if (found := _take(session, record, moment)) is not None:
                taken.append(found)
    return taken


def _take(session: Session, record: DeliveryRecord, moment: datetime) -> Taken | None:
    defense = session.get_one(DefenseRecord, record.defense_id)
    body = record.body or _body(record, defense)
    query = (
        update(DeliveryRecord)
        .where(
            DeliveryRecord.id == record.id,
            DeliveryRecord.state == State.WAITING,
            DeliveryRecord.attempts == record.attempts,
            DeliveryRecord.next_attempt_at <= moment,
        )
        .values(next_attempt_at=moment + TAKEN, attempts=DeliveryRecord.attempts + 1, body=body)
        .returning(DeliveryRecord.attempts)
        .execution_options(synchronize_session=False)
    )
    attempt = session.scalar(query)
    if attempt is None:
        return None
    return Taken(
        id=record.id,
        tenant=record.tenant,
        defense_id=record.defense_id,
        url=record.url,
        body=body.encode(),
        attempt=attempt,
        request_id=defense.request_id,
        trace=TraceContext.parse(defense.traceparent),
    )


def _body(record: DeliveryRecord, defense: DefenseRecord) -> str:
    """Made once; the same bytes in every attempt."""
    from service.defenses.schemas import Defense  # which knows webhooks in turn

    told = {
        "type": record.type,
        "timestamp": record.created_at.isoformat(),
        "data": Defense.of(defense).model_dump(mode="json"),
    }
    return json.dumps(told, separators=(",", ":"))


def settle(
    session: Session, taken: Taken, *, delivered: bool, status: int | None, error: str | None
) -> State | None:
    """What became of an attempt; the next one is planned, or there is none. None when another
    attempt has begun meanwhile, or the message is gone."""
    pauses = PAUSES[taken.attempt - 1 : taken.attempt]
    state = State.DELIVERED if delivered else State.WAITING if pauses else State.GIVEN_UP
    values: dict[str, Any] = {"state": state, "last_status": status, "last_error": error}
    if state is State.WAITING:
        pause = pauses[0] * _chance.uniform(1 - JITTER, 1 + JITTER)
        values["next_attempt_at"] = now(session) + timedelta(seconds=pause)
    query = (
        update(DeliveryRecord)
        .where(
            DeliveryRecord.id == taken.id,
            DeliveryRecord.state == State.WAITING,
            DeliveryRecord.attempts == taken.attempt,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return state if session.execute(query).rowcount else None  # type: ignore[attr-defined]


def give_up(session: Session, tenant: str, url: str) -> None:
    """Nobody is at this address any more: nothing of this tenant is sent there again, except by
    a new request that names it."""
    for table, where, values in (
        (DeliveryRecord, DeliveryRecord.url == url, {"state": State.GIVEN_UP}),
        (DefenseRecord, DefenseRecord.webhook_url == url, {"webhook_url": None}),
    ):
        query = update(table).where(table.tenant == tenant, where)
        if table is DeliveryRecord:
            query = query.where(DeliveryRecord.state == State.WAITING)
        session.execute(query.values(**values).execution_options(synchronize_session=False))


def of_defense(session: Session, defense_id: str) -> Sequence[DeliveryRecord]:
    """Oldest first."""
    query = select(DeliveryRecord).where(DeliveryRecord.defense_id == defense_id)
    return session.scalars(query.order_by(DeliveryRecord.id)).all()


def forget_old(session: Session) -> None:
    """Settled messages are kept for a while, to be looked at."""
    query = delete(DeliveryRecord).where(
        DeliveryRecord.state != State.WAITING, DeliveryRecord.created_at < now(session) - KEPT
    )
    session.execute(query.execution_options(synchronize_session=False))
