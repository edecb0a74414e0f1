"""Models to be named; nothing serves them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.database import Database, now
from service.models import repository
from service.records import BlobRecord
from tests.service.models.test_repository import DESCRIPTION

AddModel = Callable[[], str]


def add_model(database: Database) -> str:
    """A model without bytes; returns its id."""
    with database.write() as session:
        if session.get(BlobRecord, "blb_1") is None:
            moment = now(session)
            session.add(BlobRecord(id="blb_1", sha256="ab", size=1, live=True, created_at=moment))
            session.flush()
        record = repository.add(
            session,
            tenant="default",
            name=None,
            defense_id=None,
            blob_id="blb_1",
            description=DESCRIPTION,
            method="stage",
            numbers={},
        )
        return record.id


@pytest.fixture
def make_model(database: Database) -> AddModel:
    return lambda: add_model(database)
