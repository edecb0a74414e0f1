"""Who did what, or was refused: rows that are only added.

A change is noted in its own transaction (``note``), so that neither is there without the other.
What changed nothing (refusals, failures) is written by housekeeping soon after, and so bounded that
nobody can fill the table by being refused.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, event, insert, select
from sqlalchemy.orm import Session

from service.access import tokens
from service.access.buckets import Buckets, Rate
from service.access.callers import Act, acting
from service.database import Database, now
from service.ids import new_id
from service.records import AuditRecord, table_of

log = structlog.get_logger()

REFUSALS_PER_SECOND, REFUSALS_AT_ONCE = 2.0, 200
"""of each tenant, and of all strangers together; more are counted in the log only"""
MOST_WAITING = 5000
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_MOST = 200
_NOTING = "audit_act"
"""Whom a session's ``info`` has as noted once it commits."""
_ENTRIES = insert(table_of(AuditRecord))


def note(session: Session, target: str, status: int) -> None:
    """The change that this transaction makes for the current request; nothing for a worker."""
    if (values := entry(session, target, status)) is not None:
        session.execute(_ENTRIES, values)


def entry(session: Session, target: str, status: int) -> dict[str, Any] | None:
    """The row of ``note``, for a caller that writes it in this transaction together with others."""
    act = acting.get()
    if act is None:
        return None
    act.target = shown(target)
    session.info[_NOTING] = act
    return _entry(act, status)


@event.listens_for(Session, "after_commit")
def _noted(session: Session) -> None:
    act: Act | None = session.info.pop(_NOTING, None)
    if act is not None:
        act.noted = True


def shown(target: str) -> str:
    """What of a path may be kept: PostgreSQL takes no NUL, people read this, and somebody may have
    put a key there."""
    return tokens.without_secrets(_UNPRINTABLE.sub("?", target))[:_MOST]


class Audit:
    """What is still to be written. Any thread."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[AuditRecord] = []
        self._buckets = Buckets()
        self._dropped = 0
        self._lock = threading.Lock()

    def later(self, act: Act, status: int) -> None:
        """A call that changed nothing, or nothing that ``note`` saw."""
        record = AuditRecord(**_entry(act, status))
        rate = Rate(record.tenant or "", REFUSALS_PER_SECOND, REFUSALS_AT_ONCE)
        with self._lock:
            full = len(self._waiting) >= MOST_WAITING
            if full or self._buckets.take(rate, self._clock()).wait:
                self._dropped += 1
            else:
                self._waiting.append(record)

    def flush(self) -> None:
        """Writes what waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("audit_entries_dropped", count=dropped)
        if not waiting:
            return
        try:
            with self._database.write() as session:
                session.add_all(waiting)
        except Exception:
            with self._lock:
                self._dropped += len(waiting)
            raise

    def forget(self, days: int) -> int:
        """Removes entries that are older; returns how many."""
        with self._database.write() as session:
            old = AuditRecord.created_at < now(session) - timedelta(days=days)
            gone = session.execute(delete(AuditRecord).where(old))
            return int(gone.rowcount)  # type: ignore[attr-defined]


def page(
    session: Session, tenant: str | None, *, after: str | None, limit: int
) -> tuple[Sequence[AuditRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow. No tenant: all."""
    query = select(AuditRecord)
    if tenant is not None:
        query = query.where(AuditRecord.tenant == tenant)
    if after:
        query = query.where(AuditRecord.id < after)
    found = session.scalars(query.order_by(AuditRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def _entry(act: Act, status: int) -> dict[str, Any]:
    return {
        "id": new_id("aud"),
        "tenant": act.caller.tenant if act.caller else None,
        "key_id": act.caller.key_id if act.caller else None,
        "operation": act.operation,
        "target": act.target,
        "status": status,
        "address": act.address,
        "request_id": act.request_id,
        "created_at": datetime.now(UTC),
    }
