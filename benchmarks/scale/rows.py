"""What a list, a look and a claim take among a thousand rows and among a million."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.scale.servers import migrated
from service.access import quotas
from service.database import Database
from service.defenses import lifecycle, repository
from service.defenses.schemas import Defense
from service.defenses.states import QueueName, Status
from tests.servers import PostgresServer

FEW, MANY = 1_000, 1_000_000
TENANTS = 20
TENANT = "tenant-7"
QUEUED = 100
"""Of a thousand rows as of a million, so that claims choose among as many."""

PAGE = 20
DESCRIPTION = (
    '{"architecture": {"name": "small_cnn", "num_classes": 2}, "classes": ["a", "b"],'
    ' "input": {"channels": 3, "height": 8, "width": 8, "mean": [0, 0, 0], "std": [1, 1, 1]}}'
)
FILL = f"""
INSERT INTO blobs (id, tenant, sha256, size, live, created_at)
    VALUES ('blb_0', 'default', repeat('0', 64), 1, true, now());
INSERT INTO defenses (id, tenant, status, progress, request, attempt, created_at, enqueued_at,
                      started_at, finished_at, event_count, priority, queue)
    SELECT 'def_' || lpad(i::text, 26, '0'), 'tenant-' || i % {TENANTS},
           CASE WHEN i > :rows - {QUEUED} THEN 'queued' WHEN i / {TENANTS} % 2 = 0 THEN 'failed'
                ELSE 'succeeded' END,
           1, '{{"config": {{}}, "description": null, "target_class": null}}', 1,
           now() - interval '1 year' + i * interval '20 seconds', now(),
           CASE WHEN i > :rows - {QUEUED} THEN NULL ELSE now() - interval '1 day' END,
           CASE WHEN i > :rows - {QUEUED} THEN NULL ELSE now() END, 1, 5, 'cpu'
    FROM generate_series(1, :rows) i;
INSERT INTO defense_inputs (defense_id, role, blob_id, sha256)
    SELECT id, role, 'blb_0', repeat('0', 64) FROM defenses, (VALUES ('model'), ('clean')) r (role);
INSERT INTO events (defense_id, sequence, attempt, type, data, created_at)
    SELECT id, 1, 1, 'status', '{{"status": "queued"}}', created_at FROM defenses;
INSERT INTO models (id, tenant, defense_id, blob_id, description, method, numbers, created_at,
                    alarm_on)
    SELECT 'mdl' || substr(id, 4), tenant, id, 'blb_0', '{DESCRIPTION}', 'auto', '{{}}', created_at,
           true
    FROM defenses WHERE status = 'succeeded';
"""


@dataclass
class Timed:
    """Seconds of the same thing, done among few rows and among many."""

    what: str
    few: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Among many ÷ among few, of the medians."""
        return median(self.many) / median(self.few)


Act = Callable[[Session], object]


def acts(rows: int) -> dict[str, Act]:
    """What is done among so many rows; none of it is committed."""
    middle = f"def_{rows // 2 // TENANTS * TENANTS + 7:026d}"
    listed = {"status": None, "after": None}
    return {
        "list, the newest": lambda session: _page(session, **listed),
        "list, from the middle": lambda session: _page(session, status=None, after=middle),
        "list, only queued ones": lambda session: _page(session, status=Status.QUEUED, after=None),
        "list, only failed ones": lambda session: _page(session, status=Status.FAILED, after=None),
        "get": lambda session: Defense.of(repository.get(session, TENANT, middle)),
        "claim": lambda session: _claimed(session),
        "count a tenant's waiting ones": lambda session: quotas.waiting_defenses(session, TENANT),
        "look for lost workers": lambda session: lifecycle.expired(session),
    }


def measured(server: PostgresServer, *, many: int = MANY, times: int = 100) -> list[Timed]:
    """Every act, in turn among few rows and many."""
    with ExitStack() as held:
        few_rows = held.enter_context(filled(server, FEW))
        many_rows = held.enter_context(filled(server, many))
        few_acts, many_acts = acts(FEW), acts(many)
        found = []
        for what, act in few_acts.items():
            timed = Timed(what)
            for _ in range(times + 10):
                timed.few.append(_seconds(few_rows, act))
                timed.many.append(_seconds(many_rows, many_acts[what]))
            del timed.few[:10], timed.many[:10]
            found.append(timed)
        return found


@contextmanager
def filled(server: PostgresServer, rows: int) -> Iterator[Database]:
    """A database with so many defenses, of several tenants, nearly all ended."""
    with server.fresh_database() as url:
        migrated(url)
        database = Database(url)
        try:
            with database.engine.begin() as connection:
                for statement in filter(None, map(str.strip, FILL.split(";\n"))):
                    connection.execute(
                        text(statement), {"rows": rows} if ":rows" in statement else {}
                    )
            with database.engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            ) as connection:
                connection.execute(text("VACUUM ANALYZE"))
            yield database
        finally:
            database.dispose()


def _seconds(database: Database, act: Act) -> float:
    with Session(database.engine, expire_on_commit=False) as session:
        began = time.perf_counter()
        act(session)
        seconds = time.perf_counter() - began
        session.rollback()
    return seconds


def _page(session: Session, *, status: Status | None, after: str | None) -> list[Defense]:
    found, _more = repository.page(session, TENANT, after=after, limit=PAGE, status=status)
    shown = [Defense.of(record) for record in found]
    if not shown:
        raise RuntimeError("the page is empty: nothing was measured")
    return shown


def _claimed(session: Session) -> lifecycle.Lease:
    lease = lifecycle.claim_next(session, QueueName.CPU, worker="w", seconds=60)
    if lease is None:
        raise RuntimeError("there was nothing to claim")
    return lease
