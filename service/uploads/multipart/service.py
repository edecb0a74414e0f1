"""Uploads in parts: begun, given up, forgotten.

The blob's row comes first, as everywhere: it is made with the upload in parts, which refers to it,
and becomes live in the transaction that completes that (``completing.py``). Parts are stored under
a handle that the row names (``receiving.py``). Whatever dies in between leaves parts that no row
waits for, which the sweep removes. Every step may be done again.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from service.access import audit, quotas
from service.blobs import Blobs
from service.database import Database, now
from service.errors import ConflictError, LostBlobError, TooLargeError, UnavailableError
from service.ids import new_id
from service.records import BlobRecord, MultipartRecord
from service.settings import Settings
from service.storage import Store
from service.uploads.filenames import shown_name
from service.uploads.multipart import plan, repository
from service.uploads.multipart.schemas import MultipartRequest
from service.uploads.multipart.states import MultipartState

log = structlog.get_logger()


class Multiparts:
    """Those of one application."""

    def __init__(self, settings: Settings, database: Database, store: Store, blobs: Blobs) -> None:
        self._settings = settings
        self._database = database
        self._parts = store.parts
        self._blobs = blobs

    def begin(self, tenant: str, wanted: MultipartRequest) -> MultipartRecord:
        """Raises TooLargeError, QuotaError: the whole size counts as stored from now on."""
        most = self._settings.max_upload_bytes
        if wanted.size > most:
            raise TooLargeError(f"an upload may have {most} bytes, not {wanted.size}")
        with self._database.write() as session:
            quotas.require_room(session, tenant, wanted.size)
            blob = self._blobs.expect(session, wanted.sha256, wanted.size, tenant=tenant)
            record = self._record(session, wanted, blob)
            session.add(record)
            audit.note(session, record.id, 201)
            session.flush()
            session.refresh(record)
            return record

    def _record(
        self, session: Session, wanted: MultipartRequest, blob: BlobRecord
    ) -> MultipartRecord:
        moment = now(session)
        return MultipartRecord(
            id=new_id("mpu"),
            tenant=blob.tenant,
            state=MultipartState.OPEN,
            sha256=wanted.sha256,
            size=wanted.size,
            part_size=plan.part_size(wanted.size, wanted.part_size, self._parts.least),
            filename=shown_name(wanted.filename),
            blob_id=blob.id,
            created_at=moment,
            expires_at=moment + timedelta(seconds=self._settings.multipart_seconds),
        )

    def abort(self, tenant: str, multipart_id: str) -> None:
        """Gives it up, and frees what came; again, nothing happens. Raises NotFoundError, and
        ConflictError when it is complete: then there is an upload to be deleted."""
        with self._database.write() as session:
            record = repository.get(session, tenant, multipart_id, lock=True)
            if record.state == MultipartState.COMPLETED:
                raise ConflictError(
                    f"upload {multipart_id} is complete: delete upload {record.upload_id} instead"
                )
            blob = end(record, MultipartState.ABORTED)
            audit.note(session, multipart_id, 204)
        self.free(record, blob)

    def free(self, record: MultipartRecord, blob: BlobRecord | None) -> None:
        """Frees the bytes of one that has ended without an upload; what cannot be freed now is
        left to the sweep."""
        if blob is None:
            return
        try:
            if record.handle:
                self._parts.abandon(blob.key, record.handle)
        except (UnavailableError, LostBlobError) as error:
            log.warning("parts_left_to_sweep", error=type(error).__name__)
        self._blobs.release([blob.id])

    def sweep(self) -> int:
        """Forgets those whose time is over, and frees what came of them; returns how many."""
        with self._database.read() as session:
            expired = repository.expired(session)
        return sum(self._forget(multipart_id) for multipart_id in expired)

    def _forget(self, multipart_id: str) -> bool:
        with self._database.write() as session:
            record = session.get(
                MultipartRecord, multipart_id, with_for_update={"of": MultipartRecord}
            )
            if record is None:
                return False
            blob = end(record, MultipartState.ABORTED)
            session.delete(record)
        self.free(record, blob)
        log.info("multipart_forgotten", multipart_id=multipart_id, state=record.state)
        return True


def end(record: MultipartRecord, state: MultipartState) -> BlobRecord | None:
    """Closes one that is open and locked; the blob that nobody waits for any more, to be freed
    after the transaction. None when it was closed already."""
    if record.state != MultipartState.OPEN:
        return None
    blob, record.state, record.blob_id = record.blob, state, None
    return blob
