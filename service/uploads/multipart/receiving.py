"""Parts on their way in: through the service, or straight to the store by links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from service.database import Database, now
from service.errors import ConflictError, InvalidRequestError, LostBlobError, UnavailableError
from service.records import BlobRecord, MultipartRecord, PartRecord
from service.settings import Settings
from service.storage import Store
from service.uploads.multipart import plan, repository
from service.uploads.multipart.plan import KeptPart
from service.uploads.multipart.running import RunningDigests
from service.uploads.multipart.schemas import PartLink
from service.uploads.spool import Spooled

LINK_SECONDS = 3600


class Receiving:
    """Takes parts for one application."""

    def __init__(self, settings: Settings, database: Database, store: Store) -> None:
        self._database = database
        self._parts = store.parts
        self.links = settings.multipart_links and store.parts.gives_links
        self._running = RunningDigests()

    def length_of(self, tenant: str, multipart_id: str, number: int) -> int:
        """Bytes that the part must have. Raises NotFoundError, ConflictError when no part is taken
        any more, InvalidRequestError when there is no part of this number."""
        with self._database.read() as session:
            record = repository.get_open(session, tenant, multipart_id, lock=False)
        return _length(record, number)

    def keep(self, tenant: str, multipart_id: str, number: int, spooled: Spooled) -> PartRecord:
        """Stores a part, in place of an earlier one; the same bytes again are not stored again.
        Raises as ``length_of`` does, and InvalidRequestError when it is too short."""
        with self._database.write() as session:
            record = repository.get_open(session, tenant, multipart_id)
            _require_length(record, number, spooled.size)
            known = repository.part(session, multipart_id, number)
            if known is not None:
                if known.sha256 == spooled.sha256 and not self.links:
                    return known
                session.delete(known)  # what is stored under this number changes now
        binds = self._parts.tags_bind
        ahead = self._running.ahead(multipart_id, number, spooled.path) if binds else None
        part = PartRecord(
            multipart_id=multipart_id,
            number=number,
            size=spooled.size,
            sha256=spooled.sha256,
            tag=self._store(record, number, spooled),
        )
        with self._database.write() as session:
            repository.get_open(session, tenant, multipart_id)
            kept = session.merge(part)
        if binds:
            self._running.add(multipart_id, kept, ahead)
        return kept

    def digest(self, record: MultipartRecord, parts: Sequence[KeptPart]) -> str | None:
        """The sha256 of these parts together, if all of them came here and in order: else None."""
        return self._running.of(record.id, parts)

    def forget(self, multipart_id: str) -> None:
        """Nothing more is wanted of it."""
        self._running.forget(multipart_id)

    def make_links(self, tenant: str, multipart_id: str, numbers: list[int]) -> list[PartLink]:
        """Raises as ``length_of`` does, and ConflictError where there are no links."""
        with self._database.read() as session:
            record = repository.get_open(session, tenant, multipart_id, lock=False)
            moment = now(session)
        lengths = {number: _length(record, number) for number in numbers}
        if not self.links:
            raise ConflictError("this service gives no links: send the parts to the service")
        seconds = max(1, min(LINK_SECONDS, int((record.expires_at - moment).total_seconds())))
        key, handle = blob_of(record).key, self._handle(record)
        return [
            PartLink(
                number=number,
                url=self._parts.link(key, handle, number=number, size=size, seconds=seconds),
                size=size,
                expires_at=moment + timedelta(seconds=seconds),
            )
            for number, size in lengths.items()
        ]

    def kept(
        self, record: MultipartRecord, *, after: int = 0, limit: int | None = None
    ) -> list[KeptPart]:
        """Whole parts by their numbers, those after the cursor. Where there are links, the store
        knows of them; raises LostBlobError when they were joined, or are gone."""
        by_links = self.links and record.handle is not None and record.blob is not None
        with self._database.read() as session:
            most = None if by_links else limit
            rows = repository.parts(session, record.id, after=after, limit=most)
        if not by_links:
            return [KeptPart(row.number, row.size, row.sha256, row.tag) for row in rows]
        digests = {(row.number, row.tag): row.sha256 for row in rows}
        stored = self._parts.stored(blob_of(record).key, record.handle or "")
        found = (
            KeptPart(part.number, part.size, digests.get((part.number, part.tag)), part.tag)
            for part in stored
            if part.number > after and part.size == _length(record, part.number)
        )
        return list(islice(found, limit))

    def _store(self, record: MultipartRecord, number: int, spooled: Spooled) -> str:
        key, handle = blob_of(record).key, self._handle(record)
        offset = (number - 1) * record.part_size
        try:
            return self._parts.put(key, handle, number=number, offset=offset, path=spooled.path)
        except LostBlobError as error:
            raise ConflictError(
                f"upload {record.id} takes no parts any more: they were joined; complete it"
            ) from error

    def _handle(self, record: MultipartRecord) -> str:
        """What the store knows the parts by, from the first one on."""
        if record.handle:
            return record.handle
        key = blob_of(record).key
        handle = self._parts.begin(key)
        with self._database.write() as session:
            if repository.take_handle(session, record.id, handle):
                return handle
        self._parts.abandon(key, handle)  # another part was first, or it was aborted
        with self._database.read() as session:
            current = repository.get(session, record.tenant, record.id).handle
        if current is None:
            raise ConflictError(f"upload {record.id} takes no parts any more")
        return current


def blob_of(record: MultipartRecord) -> BlobRecord:
    """That of an upload which is open."""
    if record.blob is None:
        raise UnavailableError(f"upload {record.id} has lost its record; begin another")
    return record.blob


def _length(record: MultipartRecord, number: int) -> int:
    count = plan.part_count(record.size, record.part_size)
    if number > count:
        raise InvalidRequestError(f"the upload has {count} parts, so there is no part {number}")
    return plan.length_of(number, record.size, record.part_size)


def _require_length(record: MultipartRecord, number: int, size: int) -> None:
    expected = _length(record, number)
    if size != expected:
        raise InvalidRequestError(f"part {number} must have {expected} bytes, not {size}")
