"""Rows of any age."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from service.access import repository as tenants
from service.defenses.states import Status
from service.names import service as names
from service.records import (
    DefenseRecord,
    DeliveryRecord,
    EventRecord,
    InputRecord,
    ModelRecord,
    Record,
    UploadRecord,
)
from service.resources import Resources
from tests.service.defenses.conftest import DESCRIPTION

ACME, OTHERS = "acme", "others"


@dataclass(frozen=True)
class Shelf:
    """Puts things into a service's database and store as if they had been there for days."""

    resources: Resources
    folder: Path

    def tenant(self, name: str, **periods: int) -> str:
        try:
            with self.resources.database.write() as session:
                tenants.add_tenant(session, name)
        except IntegrityError:  # it is there
            pass
        with self.resources.database.write() as session:
            tenants.get_tenant(session, name).retention = periods or None
        return name

    def blob(self, content: bytes, tenant: str = ACME) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / digest
        path.write_bytes(content)
        return self.resources.blobs.keep(path, digest, tenant=tenant)

    def upload(self, days: float, content: bytes = b"upload", tenant: str = ACME) -> str:
        made = moment(days)
        return self.add(
            UploadRecord(
                id=identifier("upl", made),
                tenant=tenant,
                blob_id=self.blob(content, tenant),
                filename="a.bin",
                created_at=made,
            )
        )

    def defense(
        self,
        days: float,
        content: bytes = b"input",
        status: Status = Status.SUCCEEDED,
        tenant: str = ACME,
    ) -> str:
        made = moment(days)
        defense = identifier("def", made)
        ended = status.is_terminal
        record = DefenseRecord(
            id=defense,
            tenant=tenant,
            status=status,
            request={"description": DESCRIPTION},
            created_at=made,
            finished_at=made if ended else None,
            event_count=2,
            report_blob_id=self.blob(b"report of " + content, tenant) if ended else None,
            inputs=[InputRecord(role="clean", blob_id=self.blob(content, tenant))],
        )
        self.add(record)
        for sequence, kind in enumerate(("status", "progress"), start=1):
            self.add(
                EventRecord(
                    defense_id=defense,
                    sequence=sequence,
                    attempt=1,
                    type=kind,
                    data={"status": status},
                    created_at=made,
                )
            )
        return defense

    def model(
        self,
        days: float,
        content: bytes = b"model",
        tenant: str = ACME,
        defense: str | None = None,
    ) -> str:
        made = moment(days)
        return self.add(
            ModelRecord(
                id=identifier("mdl", made),
                tenant=tenant,
                defense_id=defense,
                blob_id=self.blob(content, tenant),
                description=DESCRIPTION,
                method="stage",
                numbers={},
                created_at=made,
            )
        )

    def name(self, name: str, model: str, tenant: str = ACME) -> None:
        names.point(self.resources.database, tenant, name, model)

    def delivery(self, defense: str, state: str, tenant: str = ACME) -> None:
        made = moment(0)
        self.add(
            DeliveryRecord(
                id=identifier("msg", made),
                tenant=tenant,
                defense_id=defense,
                type="defense.succeeded",
                url="https://example.com",
                state=state,
                next_attempt_at=made,
                created_at=made,
            )
        )

    def add(self, record: Record) -> str:
        with self.resources.database.write() as session:
            session.add(record)
            session.flush()
            return str(getattr(record, "id", ""))

    def ids(self, kind: type[Record]) -> set[str]:
        with self.resources.database.read() as session:
            return set(session.scalars(select(kind.id)).all())  # type: ignore[attr-defined]

    def contents(self) -> set[bytes]:
        """Everything that lies in the object store."""
        store = self.resources.store
        return {b"".join(store.read(found.key)) for found in store.list()}


def moment(days: float) -> datetime:
    """So many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


def identifier(prefix: str, made: datetime) -> str:
    return f"{prefix}_{str(ULID.from_datetime(made)).lower()}"


@pytest.fixture
def shelf(resources: Resources, tmp_path: Path) -> Shelf:
    """On each stack, with two tenants that keep things for ever."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    shelf = Shelf(resources, folder)
    shelf.tenant(ACME)
    shelf.tenant(OTHERS)
    return shelf
