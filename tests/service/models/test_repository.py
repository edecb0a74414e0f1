"""Models are found by their tenant only, newest first, page after page without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from polarizer.description import InputSpec, ModelDescription, SmallCnn
from service.database import Database, now
from service.errors import NotFoundError
from service.models import repository
from service.records import BlobRecord

DESCRIPTION = ModelDescription(
    architecture=SmallCnn(width=4, channels=1, num_classes=2),
    input=InputSpec(channels=1, height=8, width=8, mean=(0.5,), std=(0.5,)),
    classes=("zero", "one"),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with database.write() as session:
        blob = BlobRecord(id="blb_1", sha256="ab", size=1, live=True, created_at=now(session))
        session.add(blob)
    yield database
    database.dispose()


def add(database: Database, tenant: str = "one") -> str:
    with database.write() as session:
        record = repository.add(
            session,
            tenant=tenant,
            name="digits",
            defense_id=None,
            blob_id="blb_1",
            description=DESCRIPTION,
            method="stage",
            numbers={"accuracy_after": 0.9},
        )
        return record.id


def test_a_model_keeps_what_was_said_about_it(database: Database) -> None:
    model_id = add(database)
    with database.read() as session:
        record = repository.get(session, "one", model_id)
    assert ModelDescription.model_validate(record.description) == DESCRIPTION
    assert (record.name, record.blob.sha256, record.numbers["accuracy_after"]) == (
        *("digits", "ab"),
        0.9,
    )


def test_another_tenant_finds_nothing(database: Database) -> None:
    model_id = add(database, tenant="one")
    with database.read() as session:
        with pytest.raises(NotFoundError, match=model_id):
            repository.get(session, "two", model_id)
        assert repository.page(session, "two", after=None, limit=10) == ([], False)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_the_pages_are_all_models_newest_first(database: Database, limit: int) -> None:
    added = [add(database) for _ in range(7)]
    add(database, tenant="two")
    seen: list[str] = []
    more = True
    with database.read() as session:
        while more:
            after = seen[-1] if seen else None
            records, more = repository.page(session, "one", after=after, limit=limit)
            seen += [record.id for record in records]
    assert seen == sorted(added, reverse=True)
