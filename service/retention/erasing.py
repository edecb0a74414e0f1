"""Everything of a tenant is deleted, and what was deleted is written down.

An erasure is a row; it is gone on with by whoever keeps house, a step at a time, until nothing is
left. Each step is one transaction that deletes some rows and notes them with their digests, with
the erasure's row locked; bytes are deleted after the row that named them, by the note. So whoever
dies in between, another one goes on from what is written, and nothing is noted twice or forgotten.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Table,
    delete,
    exists,
    func,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from service.access import audit
from service.access.callers import DEFAULT_TENANT, operator
from service.blobs import is_referenced
from service.database import Database, now
from service.defenses import lifecycle
from service.defenses.states import Status
from service.errors import LostBlobError
from service.records import (
    AuditRecord,
    BlobRecord,
    DefenseRecord,
    ErasedRecord,
    ErasureRecord,
    InputRecord,
    KeyRecord,
    ModelRecord,
    MultipartRecord,
    TenantRecord,
    UploadRecord,
)
from service.retention import certificates, owned
from service.storage import Store

log = structlog.get_logger()

OPERATION = "erase_tenant"
"""What the audit log calls the end of one."""
BATCH = 100
_OPERATORS = {record.__tablename__ for record in (KeyRecord, AuditRecord, TenantRecord)}
"""Tables that say who may come and what was done; they go with ``everything`` only."""


class Eraser:
    """``advance`` may be called by any number of processes, and stopped anywhere."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    def advance_all(self) -> None:
        """Goes on with every erasure that is not finished."""
        query = select(ErasureRecord.id).where(ErasureRecord.finished_at.is_(None))
        with self._database.read() as session:
            waiting = session.scalars(query.order_by(ErasureRecord.id)).all()
        for erasure_id in waiting:
            self.advance(erasure_id)

    def advance(self, erasure_id: str) -> bool:
        """Deletes what can be deleted now; whether nothing is left. What runs is cancelled, and
        waited for by coming again. Raises UnavailableError."""
        with self._database.read() as session:
            erasure = session.get(ErasureRecord, erasure_id)
        if erasure is None or erasure.finished_at is not None:
            return True
        if self._cancel(erasure.tenant):
            return False
        self._abandon_parts(erasure.tenant)
        for table in _in_scope(erasure):
            while self._delete_some(erasure, table):
                self._delete_bytes(erasure)
        self._delete_bytes(erasure)
        return self._finish(erasure)

    def _cancel(self, tenant: str) -> int:
        """How many defenses still run."""
        unfinished = DefenseRecord.status.in_([each for each in Status if not each.is_terminal])
        query = select(DefenseRecord).where(DefenseRecord.tenant == tenant, unfinished)
        running = 0
        with self._database.write() as session:
            for record in session.scalars(query.with_for_update(of=DefenseRecord)).unique().all():
                lifecycle.request_cancel(session, record)
                running += not Status(record.status).is_terminal
        return running

    def _abandon_parts(self, tenant: str) -> None:
        """Of uploads that are under way: the store knows them by their rows alone."""
        begun = MultipartRecord.tenant == tenant, MultipartRecord.handle.is_not(None)
        query = select(MultipartRecord).where(*begun, MultipartRecord.blob_id.is_not(None))
        with self._database.read() as session:
            found = session.scalars(query).unique().all()
        for record in found:
            if record.blob is not None and record.handle is not None:
                with suppress(LostBlobError):
                    self._store.parts.abandon(record.blob.key, record.handle)

    def _delete_some(self, erasure: ErasureRecord, table: Table) -> int:
        with self._database.write() as session:
            current = session.get_one(ErasureRecord, erasure.id, with_for_update=True)
            if current.finished_at is not None:
                return 0
            found = owned.rows(session, table, erasure.tenant, None)[:BATCH]
            if table.name == BlobRecord.__tablename__:
                found = [row for row in found if not _is_needed(session, row.id)]
            keys = [owned.key_of(table, row) for row in found]
            if not keys:
                return 0
            session.execute(delete(table).where(_is_one_of(table, keys)))
            for row, key in zip(found, keys, strict=True):
                stored = table.name == BlobRecord.__tablename__
                current.items += 1
                session.add(
                    ErasedRecord(
                        erasure_id=erasure.id,
                        sequence=current.items,
                        kind=table.name,
                        item="/".join(map(str, key)),
                        sha256=row.sha256 if stored else None,
                        size=row.size if stored else None,
                        stored=stored,
                    )
                )
            return len(keys)

    def _delete_bytes(self, erasure: ErasureRecord) -> None:
        """Of blobs that are noted; the store is asked whether it still has any of them."""
        query = select(ErasedRecord).where(
            ErasedRecord.erasure_id == erasure.id, ErasedRecord.stored
        )
        with self._database.read() as session:
            waiting = session.scalars(query.order_by(ErasedRecord.sequence)).all()
        for erased in waiting:
            key = BlobRecord(id=erased.item, sha256=erased.sha256).key
            self._store.delete(key)
            if next(iter(self._store.list(key)), None) is not None:
                continue  # a store that answers late: another time
            gone = update(ErasedRecord).where(
                ErasedRecord.erasure_id == erasure.id, ErasedRecord.sequence == erased.sequence
            )
            with self._database.write() as session:
                session.execute(gone.values(stored=False))

    def _finish(self, erasure: ErasureRecord) -> bool:
        """Looks once more, and signs it off, in one transaction."""
        with operator(OPERATION, erasure.tenant), self._database.write() as session:
            current = session.get_one(ErasureRecord, erasure.id, with_for_update=True)
            if current.finished_at is not None:
                return True
            waiting = exists().where(ErasedRecord.erasure_id == erasure.id, ErasedRecord.stored)
            if session.scalar(select(waiting)) or any(
                _count(session, table, erasure.tenant) for table in _in_scope(erasure)
            ):
                return False
            current.finished_at = now(session)
            current.sha256 = certificates.digest(session, current)
            audit.note(session, f"{erasure.id} sha256:{current.sha256}", 200)
        log.info("tenant_erased", erasure=erasure.id, tenant=erasure.tenant, items=current.items)
        return True


def _in_scope(erasure: ErasureRecord) -> list[Table]:
    """Tables to be emptied, what refers to others first."""
    found = [table for table in reversed(owned.tables()) if owned.names_its_tenant(table)]
    if not erasure.everything:
        return [table for table in found if table.name not in _OPERATORS]
    if erasure.tenant == DEFAULT_TENANT:  # whose everything is that is done without a key
        return [table for table in found if table.name != TenantRecord.__tablename__]
    return found


def _is_one_of(table: Table, keys: list[tuple[Any, ...]]) -> ColumnElement[bool]:
    columns = list(table.primary_key.columns)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def _is_needed(session: Session, blob_id: str) -> bool:
    """Whether somebody refers to a blob: the tenant itself, again, since its rows were deleted; or
    another one, as only blobs of before there were tenants allow, who owns it from now on."""
    if not is_referenced(session, blob_id):
        return False
    owners = (
        select(UploadRecord.tenant).where(UploadRecord.blob_id == blob_id),
        select(ModelRecord.tenant).where(ModelRecord.blob_id == blob_id),
        select(ModelRecord.tenant).where(ModelRecord.alarm_blob_id == blob_id),
        select(DefenseRecord.tenant).where(DefenseRecord.report_blob_id == blob_id),
        select(DefenseRecord.tenant).join(InputRecord).where(InputRecord.blob_id == blob_id),
    )
    owner = session.scalar(union_all(*owners).limit(1))
    if owner is not None:
        session.execute(update(BlobRecord).where(BlobRecord.id == blob_id).values(tenant=owner))
    return True


def _count(session: Session, table: Table, tenant: str) -> int:
    condition = owned.belongs(table, tenant)
    assert condition is not None  # noqa: S101 - of ``owned.tables``
    return session.scalar(select(func.count()).select_from(table).where(condition)) or 0
