"""From parts to an upload: joined, compared with what was promised, and only then live. They are
read for it, unless their digest is known from when they came (``running.py``)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.access import audit
from service.blobs import Blobs
from service.database import Database
from service.errors import (
    ConflictError,
    InProgressError,
    InvalidRequestError,
    LostBlobError,
)
from service.records import MultipartRecord, UploadRecord
from service.storage import Store
from service.uploads import repository as uploads
from service.uploads.multipart import plan, repository
from service.uploads.multipart.plan import KeptPart
from service.uploads.multipart.receiving import Receiving, blob_of
from service.uploads.multipart.service import Multiparts, end
from service.uploads.multipart.states import MultipartState

RETRY_AFTER = 2  # seconds; for whoever completes what is being completed


class Completing:
    """Completes uploads of one application."""

    def __init__(
        self,
        database: Database,
        store: Store,
        blobs: Blobs,
        multiparts: Multiparts,
        receiving: Receiving,
    ) -> None:
        self._database = database
        self._store = store
        self._blobs = blobs
        self._multiparts = multiparts
        self._receiving = receiving
        self._at_work: set[str] = set()
        self._lock = threading.Lock()

    def complete(self, tenant: str, multipart_id: str) -> UploadRecord:
        """The upload that the parts make; asked again, the same one.

        Raises NotFoundError, ConflictError naming parts that are missing, InProgressError while
        another request of this process does it, InvalidRequestError when the bytes together are
        not what was promised: then it has failed, and nothing is kept.
        """
        with self._alone(multipart_id):
            with self._database.write() as session:
                record = repository.get(session, tenant, multipart_id)
                if record.upload is not None:
                    return record.upload
                repository.get_open(session, tenant, multipart_id)
            found = self._joined(record)
            if found != record.sha256:
                self._fail(record)
                raise InvalidRequestError(
                    f"the parts together have sha256 {found}, not {record.sha256} as promised;"
                    " nothing is kept: begin another upload"
                )
            return self._settle(record)

    @contextmanager
    def _alone(self, multipart_id: str) -> Iterator[None]:
        """For the sake of work that would be done twice; that would do no harm."""
        with self._lock:
            if multipart_id in self._at_work:
                detail = f"upload {multipart_id} is being completed"
                raise InProgressError(detail, retry_after=RETRY_AFTER)
            self._at_work.add(multipart_id)
        try:
            yield
        finally:
            with self._lock:
                self._at_work.discard(multipart_id)

    def _joined(self, record: MultipartRecord) -> str:
        """The digest of the parts together, which are one object from now on."""
        try:
            parts = self._parts(record)
            if parts:
                tags = {part.number: part.tag for part in parts}
                self._store.parts.join(blob_of(record).key, record.handle or "", tags)
            return self._receiving.digest(record, parts) or self._digest(record)
        except LostBlobError as error:
            self._fail(record)
            raise ConflictError(
                f"the parts of upload {record.id} are not in the store any more: begin another"
            ) from error

    def _parts(self, record: MultipartRecord) -> list[KeptPart]:
        """In order; none when somebody joined them and died then. Raises ConflictError unless all
        are there."""
        try:
            parts = self._receiving.kept(record)
        except LostBlobError:
            return []
        there = {part.number for part in parts}
        missing = set(range(1, plan.part_count(record.size, record.part_size) + 1)) - there
        if missing:
            raise ConflictError(
                f"upload {record.id} lacks parts {plan.in_words(missing)}: send them first"
            )
        return parts

    def _digest(self, record: MultipartRecord) -> str:
        digest = hashlib.sha256()
        for chunk in self._store.read(blob_of(record).key):
            digest.update(chunk)
        return digest.hexdigest()

    def _fail(self, record: MultipartRecord) -> None:
        with self._database.write() as session:
            current = repository.get(session, record.tenant, record.id, lock=True)
            blob = end(current, MultipartState.FAILED)
        self._receiving.forget(record.id)
        self._multiparts.free(record, blob)

    def _settle(self, record: MultipartRecord) -> UploadRecord:
        """One transaction: the blob is live, the upload there, and this one complete."""
        blob = blob_of(record)
        with self._database.write() as session:
            current = repository.get(session, record.tenant, record.id, lock=True)
            if current.upload is not None:  # another process was faster
                return current.upload
            current = repository.get_open(session, record.tenant, record.id)
            self._blobs.settle(session, blob.id)
            upload = uploads.add(
                session, tenant=record.tenant, blob_id=blob.id, filename=record.filename
            )
            current.state = MultipartState.COMPLETED
            current.blob_id, current.upload_id = None, upload.id
            audit.note(session, upload.id, 201)
        self._receiving.forget(record.id)
        return upload
