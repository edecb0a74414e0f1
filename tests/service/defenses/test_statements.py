"""How many statements a request makes: each is an exchange with the database, and on PostgreSQL
that is most of what a small request costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from service.access.callers import acting
from tests.service.conftest import Site
from tests.service.defenses.conftest import body

Statements = list[str]


@pytest.fixture
def statements(site: Site) -> Iterator[Statements]:
    """Those of requests, not of housekeeping; without the BEGIN that SQLite's driver is given."""
    seen: Statements = []

    def note(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        if acting.get() is not None and not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(site.resources.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(site.resources.database.engine, "before_cursor_execute", note)


def test_a_create_finds_its_uploads_and_writes_once(site: Site, statements: Statements) -> None:
    sent = body(site)
    for _ in range(2):
        statements.clear()
        assert site.client.post("/v1/defenses", json=sent).status_code == 202
        uploads, *written = statements
        assert "FROM uploads" in uploads
        if site.resources.database.engine.dialect.name == "postgresql":
            (written_at_once,) = written
            tables = ("defenses", "defense_inputs", "events", "audit")
            assert all(f"INSERT INTO {table} " in written_at_once for table in tables)
        else:  # nothing lies between it and its file
            assert len(written) == 6
