"""The one place where a defense's state changes: one guarded UPDATE, one event, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, update
from sqlalchemy.orm import Session

from service.defenses.lifecycle.clock import clock
from service.defenses.states import Status, before
from service.records import DefenseRecord, EventRecord, table_of
from service.webhooks import outbox

EVENTS = insert(table_of(EventRecord))
"""Of one event, which nobody reads in the same transaction: no object of it is needed."""

Counted = Row[int, int, str | None, datetime]
"""A defense's events so far, its attempt, whom its webhook tells, and the moment."""


class LostLeaseError(Exception):
    """This attempt no longer owns the defense."""


@dataclass(frozen=True)
class Lease:
    """The right of one attempt to write a defense's row."""

    defense_id: str
    attempt: int


UNLEASED: dict[str, Any] = {
    "worker": None,
    "lease_until": None,
    "stage": None,
    "estimated_finish_at": None,
}
"""What a row says of its worker when it has none."""


def held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    """What holds as long as the attempt owns the row."""
    return (
        DefenseRecord.id == lease.defense_id,
        DefenseRecord.attempt == lease.attempt,
        DefenseRecord.status.in_([Status.RUNNING, Status.CANCELLING]),
    )


def finish(session: Session, lease: Lease, after: Status, **columns: Any) -> None:  # noqa: ANN401
    """The end of an attempt. Raises LostLeaseError."""
    values = {**UNLEASED, "finished_at": clock(session), **columns}
    if change(session, lease.defense_id, after, *held(lease), **values) is None:
        raise LostLeaseError


def change(
    session: Session,
    defense_id: str,
    after: Status,
    *conditions: ColumnElement[bool],
    **columns: Any,  # noqa: ANN401
) -> int | None:
    """Moves the row to ``after`` if its state allows it; returns its attempt, or None."""
    allowed = DefenseRecord.status.in_(sorted(before(after)))
    row = _counted(session, defense_id, (allowed, *conditions), status=after, **columns)
    if row is None:
        return None
    data: dict[str, Any] = {"status": after}
    if columns.get("error"):
        data["error"] = columns["error"]
    if columns.get("numbers"):
        data["numbers"] = columns["numbers"]
    _add(session, defense_id, row, "status", data)
    if row.webhook_url is not None:
        outbox.announce(session, defense_id, after)
    attempt: int = row.attempt
    return attempt


def append(
    session: Session,
    defense_id: str,
    kind: str,
    data: dict[str, Any],
    conditions: Sequence[ColumnElement[bool]] = (),
    **columns: Any,  # noqa: ANN401
) -> None:
    """The defense's next event, with the columns that it changes. Raises LostLeaseError unless the
    row meets the conditions."""
    row = _counted(session, defense_id, conditions, **columns)
    if row is None:
        raise LostLeaseError
    _add(session, defense_id, row, kind, data)


def _counted(
    session: Session,
    defense_id: str,
    conditions: Sequence[ColumnElement[bool]],
    **columns: Any,  # noqa: ANN401
) -> Counted | None:
    """Changes the row if it meets the conditions, and counts an event that is to follow."""
    query = (
        update(DefenseRecord)
        .where(DefenseRecord.id == defense_id, *conditions)
        .values(event_count=DefenseRecord.event_count + 1, **columns)
        .returning(
            DefenseRecord.event_count,
            DefenseRecord.attempt,
            DefenseRecord.webhook_url,
            clock(session).label("moment"),
        )
        .execution_options(synchronize_session=False)
    )
    return session.execute(query).one_or_none()


def _add(session: Session, defense_id: str, row: Counted, kind: str, data: dict[str, Any]) -> None:
    event = {
        "defense_id": defense_id,
        "sequence": row.event_count,
        "attempt": row.attempt,
        "type": kind,
        "data": data,
        "created_at": row.moment,
    }
    session.execute(EVENTS, event)
