"""The sweep: removes what is older than its tenant wants it kept, and nothing that is needed.

Every row goes in a transaction of its own, in which it is locked, looked at again, and noted in the
audit log; then its bytes are released, which asks once more whether somebody refers to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.access import audit, repository
from service.access.callers import operator
from service.blobs import Blobs
from service.database import Database, now
from service.retention.clock import Clock
from service.retention.kinds import KINDS, Kind, Row, forget_entries, forget_events
from service.retention.metrics import RemovalMetrics
from service.retention.periods import Periods
from service.settings import Settings

log = structlog.get_logger()

BATCH = 100
OPERATION = "retention_sweep"
"""What the audit log calls it."""


@dataclass(frozen=True)
class Old:
    """Something whose time is over; ``kept`` says why it stays nevertheless."""

    tenant: str
    kind: str
    id: str
    since: datetime
    kept: str | None


class Sweeper:
    """Any number of processes may sweep; one that dies leaves nothing half done but bytes that
    nobody refers to, which ``Blobs.sweep`` finds."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        metrics: RemovalMetrics,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._metrics = metrics
        self._clock = clock or Clock()

    def sweep(self) -> Counter[str]:
        """Removes what is old, and counts it by kind; nothing while the clock is not believed."""
        removed: Counter[str] = Counter()
        with self._database.read() as session:
            trouble = self._clock.trouble(session)
        self._metrics.clock_is_believed(trouble is None)
        if trouble is not None:
            log.error("retention_stopped", reason=trouble)
            return removed
        for tenant, periods in self._tenants():
            for old in self._old(tenant, periods):
                removed[old.kind] += old.kept is None and self.remove(old)
            removed += self._thin_out(tenant, periods)
        removed += self._forget_strangers()
        for kind, count in removed.items():
            self._metrics.removed(kind, count)
        return removed

    def plan(self, only: str | None = None) -> Iterator[Old]:
        """What ``sweep`` would look at now, and why it would leave some of it. Removes nothing.
        Raises NotFoundError (no such tenant)."""
        if only is not None:
            with self._database.read() as session:
                repository.get_tenant(session, only)
        for tenant, periods in self._tenants():
            if only in (None, tenant):
                yield from self._old(tenant, periods)

    def _tenants(self) -> list[tuple[str, Periods]]:
        with self._database.read() as session:
            return [
                (record.id, Periods.of(self._settings, record.retention))
                for record in repository.tenants(session)
            ]

    def _old(self, tenant: str, periods: Periods) -> Iterator[Old]:
        for kind in KINDS:
            days = getattr(periods, f"{kind.name}_days")
            after: str | None = "" if days else None
            while after is not None:
                found, after = self._page(kind, tenant, days, after)
                yield from found

    def _page(self, kind: Kind, tenant: str, days: int, after: str) -> tuple[list[Old], str | None]:
        """Some, and where the next ones begin; they are looked at outside of the transaction in
        which one is removed."""
        with self._database.read() as session:
            conditions = kind.old(tenant, now(session) - timedelta(days=days))
            query = select(kind.record).where(*conditions, kind.record.id > after)
            rows = session.scalars(query.order_by(kind.record.id).limit(BATCH)).unique().all()
            found = [
                Old(tenant, kind.name, row.id, kind.since(row), self._kept(kind, session, row))
                for row in rows
            ]
        return found, rows[-1].id if len(rows) == BATCH else None

    def _kept(self, kind: Kind, session: Session, row: Row) -> str | None:
        return kind.kept_by(session, row, self._settings.engine_preload)

    def remove(self, old: Old) -> bool:
        """Whether it was still old and nothing kept it."""
        kind = next(kind for kind in KINDS if kind.name == old.kind)
        with operator(OPERATION, old.tenant), self._database.write() as session:
            own = repository.get_tenant(session, old.tenant).retention
            days = getattr(Periods.of(self._settings, own), f"{kind.name}_days")
            if not days:  # its tenant wants it kept since
                return False
            conditions = kind.old(old.tenant, now(session) - timedelta(days=days))
            query = select(kind.record).where(*conditions, kind.record.id == old.id)
            locked = query.with_for_update(of=kind.record, skip_locked=True)
            row = session.scalars(locked).unique().one_or_none()
            if row is None or self._kept(kind, session, row):
                return False
            blob_ids = kind.remove(session, row)
            audit.note(session, old.id, 204)
        self._blobs.release(blob_ids)
        log.info("retention_removed", kind=kind.name, id=old.id, tenant=old.tenant)
        return True

    def _thin_out(self, tenant: str, periods: Periods) -> Counter[str]:
        """Rows that nobody refers to, and whose going is not noted one by one."""
        gone: Counter[str] = Counter()
        with self._database.write() as session:
            moment = now(session)
            if periods.events_days:
                before = moment - timedelta(days=periods.events_days)
                gone["events"] = forget_events(session, tenant, before)
            before = moment - timedelta(days=periods.audit_days)
            gone["audit"] = forget_entries(session, tenant, before)
        return gone

    def _forget_strangers(self) -> Counter[str]:
        """Entries of the audit log that belong to no tenant that there is."""
        with self._database.write() as session:
            before = now(session) - timedelta(days=self._settings.audit_days)
            return Counter(audit=forget_entries(session, None, before))
