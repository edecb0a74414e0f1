"""By a worker: every write is guarded by the attempt number that its claim gave it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.defenses.lifecycle import turns
from service.defenses.lifecycle.changes import (
    UNLEASED,
    Lease,
    LostLeaseError,
    append,
    change,
    finish,
    held,
)
from service.defenses.lifecycle.clock import clock
from service.defenses.states import QueueName, Stage, Status
from service.records import DefenseRecord, EventRecord


def claim_next(session: Session, queue: QueueName, *, worker: str, seconds: float) -> Lease | None:
    """Takes the job whose turn it is (``turns.py``); None when nothing waits in the queue."""
    for tenant in turns.tenants_in_turn(session, queue):
        defense_id = turns.next_of(session, queue, tenant)
        if defense_id is not None:
            return claim(session, defense_id, worker=worker, seconds=seconds)
    return None


def claim(session: Session, defense_id: str, *, worker: str, seconds: float) -> Lease | None:
    """Takes a queued defense; None when it is not queued (any more)."""
    attempt = change(
        session,
        defense_id,
        Status.RUNNING,
        attempt=DefenseRecord.attempt + 1,
        worker=worker,
        stage=Stage.FETCHING,
        progress=0.0,
        started_at=clock(session),
        estimated_finish_at=None,
        lease_until=clock(session, timedelta(seconds=seconds)),
    )
    return None if attempt is None else Lease(defense_id, attempt)


def renew(session: Session, lease: Lease, *, seconds: float) -> Status:
    """Prolongs the lease; returns the status, which may be CANCELLING. Raises LostLeaseError."""
    query = (
        update(DefenseRecord)
        .where(*held(lease))
        .values(lease_until=clock(session, timedelta(seconds=seconds)))
        .returning(DefenseRecord.status)
        .execution_options(synchronize_session=False)
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
    append(session, lease.defense_id, kind, data, held(lease), **columns)


def reported(session: Session, lease: Lease) -> int:
    """How many events this attempt has reported, those of a transaction included that is still
    being committed: it is waited for. Raises LostLeaseError."""
    if session.scalar(select(DefenseRecord.id).where(*held(lease)).with_for_update()) is None:
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
    finish(
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
    finish(session, lease, Status.FAILED, error={"code": code, "message": message})


def hand_back(session: Session, lease: Lease) -> None:
    """Back into the queue, by a worker that shuts down. Raises LostLeaseError."""
    changed = change(
        session, lease.defense_id, Status.QUEUED, *held(lease), **UNLEASED, enqueued_at=None
    )
    if changed is None:
        raise LostLeaseError


def confirm_cancel(session: Session, lease: Lease) -> None:
    """The worker has stopped a cancelled attempt. Raises LostLeaseError."""
    finish(session, lease, Status.CANCELLED)
