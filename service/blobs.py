"""Blobs: bytes in the object store, written once under their digest, verified when read.

The row comes first and goes first. ``keep`` commits a row that is not live, puts the bytes, and
only then makes the row live; ``release`` and ``sweep`` delete rows (a foreign key refuses while
somebody refers to one) and only then the bytes. So whatever dies in between leaves at most a key
without a row, which the sweep removes; never a row without its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.database import DATABASE_ERRORS, Database, now
from service.errors import LostBlobError, UnavailableError
from service.ids import new_id
from service.records import (
    BlobRecord,
    DefenseRecord,
    InputRecord,
    ModelRecord,
    MultipartRecord,
    UploadRecord,
)
from service.storage import Store
from service.uploads.multipart.states import MultipartState

log = structlog.get_logger()

SHARING_GRACE = timedelta(minutes=5)
"""How long a blob that a second upload took is safe from ``release``: that upload's own row may
not be committed yet."""


class Blobs:
    """Keeps, reads and forgets bytes."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    def keep(self, path: Path, sha256: str, *, tenant: str, move: bool = False) -> str:
        """Stores the file, or finds the same bytes already stored by this tenant (by another one,
        the time that it takes would tell); returns the blob's id. With ``move`` the file may be
        gone afterwards.

        The caller refers to the id from a row of its own soon after (``sweep_grace_seconds``).
        """
        return self.keep_all({sha256: path}, tenant=tenant, move=move)[sha256]

    def keep_all(
        self, files: Mapping[str, Path], *, tenant: str, move: bool = False
    ) -> dict[str, str]:
        """As :meth:`keep`, several files by their digests: with as many transactions as for one,
        and side by side at the store."""
        with self._database.write() as session:
            moment = now(session)
            kept = self._shared(session, tenant, files, moment)
            new = [
                BlobRecord(
                    id=new_id("blb"),
                    tenant=tenant,
                    sha256=sha256,
                    size=path.stat().st_size,
                    live=False,
                    created_at=moment,
                )
                for sha256, path in files.items()
                if sha256 not in kept
            ]
            session.add_all(new)
        self._put(new, files, self._store.take if move else self._store.put)
        if new:
            with self._database.write() as session:
                for blob in new:
                    self.settle(session, blob.id)
        return kept | {blob.sha256: blob.id for blob in new}

    def _put(
        self,
        blobs: Sequence[BlobRecord],
        files: Mapping[str, Path],
        put: Callable[[str, Path], None],
    ) -> None:
        if len(blobs) == 1:
            put(blobs[0].key, files[blobs[0].sha256])
        elif blobs:
            with ThreadPoolExecutor(len(blobs)) as pool:
                tasks = [
                    pool.submit(copy_context().run, put, blob.key, files[blob.sha256])
                    for blob in blobs
                ]
            for task in tasks:
                task.result()

    def expect(self, session: Session, sha256: str, size: int, *, tenant: str) -> BlobRecord:
        """The row of bytes that will be stored in parts; not live until ``settle``. Whoever asks
        refers to it in the same transaction."""
        blob = BlobRecord(id=new_id("blb"), tenant=tenant, sha256=sha256, size=size, live=False)
        blob.created_at = now(session)
        session.add(blob)
        session.flush()
        return blob

    def settle(self, session: Session, blob_id: str) -> None:
        """Makes bytes live that are stored. Raises UnavailableError when they were swept."""
        made_live = update(BlobRecord).where(BlobRecord.id == blob_id).values(live=True)
        if session.execute(made_live).rowcount != 1:  # type: ignore[attr-defined]
            raise UnavailableError("storing took too long and was given up; send it again")

    @staticmethod
    def _shared(
        session: Session, tenant: str, digests: Collection[str], moment: datetime
    ) -> dict[str, str]:
        """The blobs of these bytes that are stored already; from now on safe from ``release``."""
        same = BlobRecord.tenant == tenant, BlobRecord.sha256.in_(digests), BlobRecord.live
        kept: dict[str, str] = {}
        for found in session.scalars(select(BlobRecord).where(*same).order_by(BlobRecord.id)):
            if found.sha256 not in kept:
                found.shared_at = moment
                kept[found.sha256] = found.id
        return kept

    def read(self, blob: BlobRecord) -> Iterator[bytes]:
        """The blob's bytes in chunks; raises LostBlobError at the end when the digest differs."""
        return self.verified(self._store.read(blob.key), blob)

    def verified(self, chunks: Iterator[bytes], blob: BlobRecord) -> Iterator[bytes]:
        """The chunks; raises LostBlobError at their end when they are not the blob's."""
        return _verified(chunks, blob.sha256)

    def existing(self, blob_ids: Sequence[str]) -> set[str]:
        """Those of the blobs that have not been deleted."""
        with self._database.read() as session:
            return set(session.scalars(select(BlobRecord.id).where(BlobRecord.id.in_(blob_ids))))

    def fetch(self, blob: BlobRecord, path: Path) -> None:
        """Copies the blob to a file, verified."""
        with path.open("wb") as sink:
            for chunk in self.read(blob):
                sink.write(chunk)

    def presigned_url(self, blob: BlobRecord, *, filename: str, seconds: int) -> str | None:
        return self._store.presigned_url(blob.key, filename=filename, seconds=seconds)

    def release(self, blob_ids: Sequence[str]) -> None:
        """Frees those of the blobs that nobody refers to; called after the reference is gone.

        What cannot be freed now is left to ``sweep``: whoever asked for the reference to go has
        got what they asked for, and must not be told otherwise.
        """
        try:
            for blob_id in blob_ids:
                self._release(blob_id)
        except (UnavailableError, *DATABASE_ERRORS) as error:
            log.warning("blobs_left_to_sweep", error=type(error).__name__, blobs=len(blob_ids))

    def _release(self, blob_id: str) -> None:
        with self._database.read() as session:
            cutoff = now(session) - SHARING_GRACE
        unshared = or_(BlobRecord.shared_at.is_(None), BlobRecord.shared_at < cutoff)
        self._forget(and_(BlobRecord.id == blob_id, unshared, ~_is_referenced()))

    def sweep(self, grace_seconds: float) -> int:
        """Removes what crashes left: rows that nobody refers to, bytes without a row, bytes that
        were never stored whole.

        Returns how many of all. Rows younger than the grace may belong to work under way.
        """
        with self._database.read() as session:
            cutoff = now(session) - timedelta(seconds=grace_seconds)
            touched = func.coalesce(BlobRecord.shared_at, BlobRecord.created_at)
            garbage = and_(touched < cutoff, ~_is_referenced())
            stale = session.scalars(select(BlobRecord.id).where(garbage)).all()
        swept = sum(self._forget(and_(BlobRecord.id == blob_id, garbage)) for blob_id in stale)
        swept += self._sweep_keys()
        return swept + self._store.tidy(grace_seconds, keep=self._awaited())

    def _awaited(self) -> set[str]:
        """Handles of parts that are still to be joined; those begun after this are young."""
        is_open = MultipartRecord.state == MultipartState.OPEN
        query = select(MultipartRecord.handle).where(is_open)
        with self._database.read() as session:
            return {handle for handle in session.scalars(query) if handle}

    def _sweep_keys(self) -> int:
        swept = 0
        for stored in self._store.list():
            blob_id = stored.key.rsplit("/", 1)[-1]
            with self._database.read() as session:
                known = session.get(BlobRecord, blob_id) is not None
            if not known:
                self._store.delete(stored.key)
                swept += 1
        return swept

    def _forget(self, condition: ColumnElement[bool]) -> int:
        try:
            with self._database.write() as session:
                gone = delete(BlobRecord).where(condition).returning(BlobRecord)
                record = session.scalars(gone).one_or_none()
        except IntegrityError:  # somebody refers to it since
            return 0
        if record is None:
            return 0
        self._store.delete(record.key)
        log.info("blob_removed", blob_id=record.id, size=record.size)
        return 1


def _is_referenced() -> ColumnElement[bool]:
    columns = (
        UploadRecord.blob_id,
        MultipartRecord.blob_id,
        InputRecord.blob_id,
        ModelRecord.blob_id,
        ModelRecord.alarm_blob_id,
        DefenseRecord.report_blob_id,
    )
    return or_(*(exists().where(column == BlobRecord.id) for column in columns))


def is_referenced(session: Session, blob_id: str) -> bool:
    """Whether any row refers to the blob."""
    found = select(BlobRecord.id).where(BlobRecord.id == blob_id, _is_referenced())
    return session.scalar(found) is not None


def _verified(chunks: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise LostBlobError("stored bytes differ from their digest")


def blob_ids_of(session: Session, defense_id: str) -> list[str]:
    """The blobs that a defense refers to: its inputs and its report."""
    inputs = select(InputRecord.blob_id).where(InputRecord.defense_id == defense_id)
    report = select(DefenseRecord.report_blob_id).where(DefenseRecord.id == defense_id)
    found = [*session.scalars(inputs), *session.scalars(report)]
    return [blob_id for blob_id in found if blob_id]
