"""Every change of a defense's state goes through here: one guarded UPDATE, one event, together.

A worker's changes carry the attempt number that its claim gave it. When the row has moved on (its
lease ran out and another worker took it, or it was cancelled and reaped), the UPDATE matches
nothing and :class:`LostLeaseError` tells the worker to stop and write nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from service.database import now
from service.defenses.states import Stage, Status, before
from service.records import DefenseRecord, EventRecord
from service.webhooks import outbox


class LostLeaseError(Exception):
    """This attempt no longer owns the defense."""


@dataclass(frozen=True)
class Lease:
    """The right of one attempt to write a defense's row."""

    defense_id: str
    attempt: int


def add(session: Session, record: DefenseRecord) -> None:
    """A new defense, queued."""
    record.status = Status.QUEUED
    record.created_at = now(session)
    session.add(record)
    session.flush()
    _append(session, record.id, "status", {"status": Status.QUEUED})


# By a worker


def claim(session: Session, defense_id: str, *, worker: str, seconds: float) -> Lease | None:
    """Takes a queued defense; None when it is not queued (any more)."""
    moment = now(session)
    attempt = _change(
        session,
        defense_id,
        Status.RUNNING,
        attempt=DefenseRecord.attempt + 1,
        worker=worker,
        stage=Stage.FETCHING,
        progress=0.0,
        started_at=moment,
        estimated_finish_at=None,
        lease_until=moment + timedelta(seconds=seconds),
    )
    return None if attempt is None else Lease(defense_id, attempt)


def renew(session: Session, lease: Lease, *, seconds: float) -> Status:
    """Prolongs the lease; returns the status, which may be CANCELLING. Raises LostLeaseError."""
    until = now(session) + timedelta(seconds=seconds)
    query = (
        update(DefenseRecord)
        .where(*_held(lease))
        .values(lease_until=until)
        .returning(DefenseRecord.status)
    )
    status = session.scalar(query)
    if status is None:
        raise LostLeaseError
    return Status(status)


def report(
    session: Session,
    lease: Lease,
    kind: str,
    data: dict[str, Any],
    **columns: Any,  # noqa: ANN401
) -> None:
    """An event of the running attempt, with the columns (stage, progress, …) that it changes."""
    if columns:
        query = update(DefenseRecord).where(*_held(lease)).values(**columns)
        if session.execute(query).rowcount != 1:  # type: ignore[attr-defined]
            raise LostLeaseError
    _append(session, lease.defense_id, kind, data, _held(lease))


def reported(session: Session, lease: Lease) -> int:
    """How many events this attempt has reported, those of a transaction included that is still
    being committed: it is waited for. Raises LostLeaseError."""
    if session.scalar(select(DefenseRecord.id).where(*_held(lease)).with_for_update()) is None:
        raise LostLeaseError
    query = select(func.count()).where(
        EventRecord.defense_id == lease.defense_id,
        EventRecord.attempt == lease.attempt,
        EventRecord.type != "status",
    )
    return session.scalar(query) or 0


def succeed(
    session: Session, lease: Lease, *, numbers: dict[str, Any], report_blob_id: str
) -> None:
    """The end of a successful attempt. Raises LostLeaseError (also while cancelling)."""
    _finish(
        session,
        lease,
        Status.SUCCEEDED,
        progress=1.0,
        numbers=numbers,
        report_blob_id=report_blob_id,
        error=None,
    )


def fail(session: Session, lease: Lease, *, code: str, message: str) -> None:
    """The end of an attempt whose input or optimisation was at fault. Raises LostLeaseError."""
    _finish(session, lease, Status.FAILED, error={"code": code, "message": message})


def hand_back(session: Session, lease: Lease) -> None:
    """Back into the queue, by a worker that shuts down. Raises LostLeaseError."""
    changed = _change(
        session, lease.defense_id, Status.QUEUED, *_held(lease), **_UNLEASED, enqueued_at=None
    )
    if changed is None:
        raise LostLeaseError


def confirm_cancel(session: Session, lease: Lease) -> None:
    """The worker has stopped a cancelled attempt. Raises LostLeaseError."""
    _finish(session, lease, Status.CANCELLED)


# By a user


def request_cancel(session: Session, record: DefenseRecord) -> None:
    """A queued defense is cancelled at once, a running one by its worker; else nothing happens.

    ``record`` was read with ``lock``.
    """
    if record.status == Status.QUEUED:
        _change(session, record.id, Status.CANCELLED, finished_at=now(session))
    elif record.status == Status.RUNNING:
        _change(session, record.id, Status.CANCELLING)
    session.refresh(record)


# By the reaper


def expired(session: Session, *, limit: int = 100) -> Sequence[DefenseRecord]:
    """Defenses whose worker has not renewed its lease in time; locked until commit. One that is
    locked by somebody else, as by a worker that was stopped in a transaction, keeps none of the
    others waiting.
    """
    query = (
        select(DefenseRecord)
        .where(
            DefenseRecord.status.in_([Status.RUNNING, Status.CANCELLING]),
            DefenseRecord.lease_until < now(session),
        )
        .order_by(DefenseRecord.id)
        .limit(limit)
        .with_for_update(of=DefenseRecord, skip_locked=True)
    )
    return session.scalars(query).all()


def take_from_lost_worker(session: Session, record: DefenseRecord, *, max_attempts: int) -> Status:
    """What becomes of an expired one: cancelled if that was asked, queued again, or failed when it
    has taken ``max_attempts`` workers with it. Returns the new status."""
    lease = Lease(record.id, record.attempt)
    still_expired = (*_held(lease), DefenseRecord.lease_until < now(session))
    columns: dict[str, Any]
    if record.status == Status.CANCELLING:
        after, columns = Status.CANCELLED, {"finished_at": now(session)}
    elif record.attempt < max_attempts:
        after, columns = Status.QUEUED, {"enqueued_at": None}
    else:
        message = (
            f"the worker was lost {record.attempt} times while running this defense; it may need"
            " more memory or time than a worker has"
        )
        after = Status.FAILED
        columns = {
            "finished_at": now(session),
            "error": {"code": "worker-lost", "message": message},
        }
    changed = _change(session, record.id, after, *still_expired, **{**_UNLEASED, **columns})
    return record.status if changed is None else after


def take_unwoken(session: Session, *, older_than: float, limit: int = 100) -> Sequence[str]:
    """Queued defenses that no worker took for ``older_than`` seconds since the last wake-up; they
    count as woken from now on, so that several reapers do not wake them several times."""
    moment = now(session)
    cutoff = moment - timedelta(seconds=older_than)
    waiting = (
        select(DefenseRecord.id)
        .where(DefenseRecord.status == Status.QUEUED, _not_woken_since(cutoff))
        .order_by(DefenseRecord.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for defense_id in session.scalars(waiting).all():
        if mark_woken(session, defense_id, moment, _not_woken_since(cutoff)):
            taken.append(defense_id)
    return taken


def mark_woken(
    session: Session, defense_id: str, moment: datetime, *conditions: ColumnElement[bool]
) -> bool:
    """Notes that a wake-up is about to be sent."""
    query = (
        update(DefenseRecord)
        .where(DefenseRecord.id == defense_id, DefenseRecord.status == Status.QUEUED, *conditions)
        .values(enqueued_at=moment)
    )
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]


# The one place


_UNLEASED: dict[str, Any] = {
    "worker": None,
    "lease_until": None,
    "stage": None,
    "estimated_finish_at": None,
}


def _not_woken_since(cutoff: datetime) -> ColumnElement[bool]:
    return DefenseRecord.enqueued_at.is_(None) | (DefenseRecord.enqueued_at < cutoff)


def _held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (
        DefenseRecord.id == lease.defense_id,
        DefenseRecord.attempt == lease.attempt,
        DefenseRecord.status.in_([Status.RUNNING, Status.CANCELLING]),
    )


def _finish(session: Session, lease: Lease, after: Status, **columns: Any) -> None:  # noqa: ANN401
    values = {**_UNLEASED, "finished_at": now(session), **columns}
    if _change(session, lease.defense_id, after, *_held(lease), **values) is None:
        raise LostLeaseError


def _change(
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
        _append(session, defense_id, "status", data)
        outbox.announce(session, defense_id, after)
    return attempt


def _append(
    session: Session,
    defense_id: str,
    kind: str,
    data: dict[str, Any],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> None:
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
