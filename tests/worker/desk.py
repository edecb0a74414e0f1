"""What the tests of the worker do in place of HTTP: keep files, queue jobs, look at rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from service.blobs import Blobs
from service.database import Database
from service.defenses import lifecycle, repository
from service.ids import new_id
from service.records import DefenseRecord, EventRecord, InputRecord, ModelRecord
from service.settings import Settings
from service.storage import Store


@dataclass
class Desk:
    """A database and a store, and what an HTTP request would do with them."""

    settings: Settings
    database: Database
    store: Store

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.database, self.store)

    def kept(self, content: bytes) -> str:
        """The id of a blob with this content."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.settings.data_dir / f"upload-{digest}"
        path.write_bytes(content)
        return self.blobs.keep(path, digest, tenant="default")

    def queued(
        self,
        inputs: dict[str, bytes] | None = None,
        *,
        sources: dict[str, tuple[str, str | None]] | None = None,
        **request: Any,
    ) -> str:
        """A defense that waits; ``inputs`` are kept as blobs, ``sources`` are (uri, sha256)."""
        inputs = {"model": b"a model", "clean": b"images"} if inputs is None else inputs
        records = [
            InputRecord(role=role, blob_id=self.kept(content), filename=f"{role}.bin")
            for role, content in inputs.items()
        ]
        for role, (uri, sha256) in (sources or {}).items():
            records.append(InputRecord(role=role, uri=uri, sha256=sha256))
        defense = DefenseRecord(
            id=new_id("def"), tenant="default", name="mine", request=request, inputs=records
        )
        with self.database.write() as session:
            lifecycle.add(session, defense)
        return defense.id

    def row(self, defense_id: str) -> DefenseRecord:
        with self.database.read() as session:
            return repository.get(session, "default", defense_id)

    def events(self, defense_id: str, kind: str | None = None) -> list[EventRecord]:
        with self.database.read() as session:
            found, _more = repository.events(session, defense_id, after=0, limit=10_000)
        return [event for event in found if kind in (None, event.type)]

    def models(self) -> list[ModelRecord]:
        with self.database.read() as session:
            return list(session.query(ModelRecord))

    def cancel(self, defense_id: str) -> None:
        with self.database.write() as session:
            record = repository.get(session, "default", defense_id, lock=True)
            lifecycle.request_cancel(session, record)
