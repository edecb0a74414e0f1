"""Jobs put into the database and announced, as the API does it, and what became of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.scale.servers import House
from service.blobs import Blobs
from service.database import Database
from service.defenses import lifecycle
from service.defenses.states import Status
from service.ids import new_id
from service.queue import Queue, create_celery
from service.records import DefenseRecord, InputRecord
from service.settings import Settings
from service.storage import open_store

FILES: Mapping[str, bytes] = {"model": b"a model", "clean": b"images"}


class Desk:
    """Of one house. The broker is told of each job, after its row is committed."""

    def __init__(self, house: House) -> None:
        self.settings = Settings(
            data_dir=house.folder,
            database_url=house.database,
            broker_url=house.broker,
            store_url=(house.folder / "store").as_uri(),
        )
        self.database = Database(self.settings.database)
        self._blobs = Blobs(self.database, open_store(self.settings))
        self._queue = Queue(create_celery(self.settings))
        self._kept: dict[bytes, str] = {}

    def submit(
        self,
        tenant: str,
        request: Mapping[str, Any],
        files: Mapping[str, bytes] = FILES,
    ) -> str:
        """The id of a new job."""
        inputs = [
            InputRecord(role=role, blob_id=self._blob(content), filename=role)
            for role, content in files.items()
        ]
        record = DefenseRecord(
            id=new_id("def"), tenant=tenant, request=dict(request), inputs=inputs
        )
        with self.database.write() as session:
            lifecycle.add(session, record)
            record.enqueued_at = record.created_at
        self._queue.wake(record.id)
        return record.id

    def rows(self, ids: Sequence[str]) -> list[DefenseRecord]:
        """In the order in which they began."""
        with self.database.read() as session:
            query = select(DefenseRecord).where(DefenseRecord.id.in_(ids))
            return list(session.scalars(query.order_by(DefenseRecord.started_at)).unique())

    def await_ended(self, count: int, *, seconds: float) -> None:
        """Returns when so many jobs have succeeded. Raises TimeoutError, and RuntimeError when one
        has failed."""
        ends = time.monotonic() + seconds
        while self._count(Status.SUCCEEDED) < count:
            if self._count(Status.FAILED):
                raise RuntimeError("a job has failed: see the workers' logs")
            if time.monotonic() > ends:
                raise TimeoutError(f"{self._count(Status.SUCCEEDED)} of {count} jobs have ended")
            time.sleep(0.2)

    def _count(self, status: Status) -> int:
        with self.database.read() as session:
            query = select(func.count()).where(DefenseRecord.status == status)
            return session.scalar(query.select_from(DefenseRecord)) or 0

    def _blob(self, content: bytes) -> str:
        if content not in self._kept:
            digest = hashlib.sha256(content).hexdigest()
            path = Path(self.settings.data_dir) / f"sent-{digest}"
            path.write_bytes(content)
            self._kept[content] = self._blobs.keep(path, digest, tenant="default")
        return self._kept[content]


@contextmanager
def desk(house: House) -> Iterator[Desk]:
    made = Desk(house)
    try:
        yield made
    finally:
        made.database.dispose()
