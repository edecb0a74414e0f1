"""The one place where a defense's state changes: one guarded UPDATE, one event, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from service.database import now
from service.defenses.states import Status, before
from service.records import DefenseRecord, EventRecord
from service.webhooks import outbox


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
    values = {**UNLEASED, "finished_at": now(session), **columns}
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
    query = (
        update(DefenseRecord)
        .where(
            DefenseRecord.id == defense_id,
            DefenseRecord.status.in_(sorted(before(after))),
            *conditions,
        )
        .values(status=after, **columns)
        .returning(DefenseRecord.attempt)
        .execution_options(synchronize_session=False)
    )
    attempt = session.scalar(query)
    if attempt is not None:
        data: dict[str, Any] = {"status": after}
        if columns.get("error"):
            data["error"] = columns["error"]
        if columns.get("numbers"):
            data["numbers"] = columns["numbers"]
        append(session, defense_id, "status", data)
        outbox.announce(session, defense_id, after)
    return attempt


def append(
    session: Session,
    defense_id: str,
    kind: str,
    data: dict[str, Any],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> None:
    """The defense's next event. Raises LostLeaseError unless the row meets the conditions."""
    query = (
        update(DefenseRecord)
        .where(DefenseRecord.id == defense_id, *conditions)
        .values(event_count=DefenseRecord.event_count + 1)
        .returning(DefenseRecord.event_count, DefenseRecord.attempt)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise LostLeaseError
    session.add(
        EventRecord(
            defense_id=defense_id,
            sequence=row.event_count,
            attempt=row.attempt,
            type=kind,
            data=data,
            created_at=now(session),
        )
    )
