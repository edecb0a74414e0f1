"""How many statements a request makes: each is an exchange with the database, and on PostgreSQL
that is most of what a small request costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS
from sqlalchemy import event

from service.access.callers import acting
from tests.service.conftest import Site
from tests.service.defenses.conftest import body, upload

Statements = list[tuple[str, Any]]


@pytest.fixture
def statements(site: Site) -> Iterator[Statements]:
    """Those of requests, not of housekeeping, with their parameters; without the BEGIN that
    SQLite's driver is given."""
    seen: Statements = []

    def note(
        _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if acting.get() is not None and not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

    event.listen(site.resources.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(site.resources.database.engine, "before_cursor_execute", note)


def test_a_create_finds_its_uploads_and_writes_once(site: Site, statements: Statements) -> None:
    more = {role: {"upload": upload(site)} for role in ("test", "triggered")}
    sent = body(site, name="mine", target_class=1, **more)
    for _ in range(2):
        statements.clear()
        assert site.client.post("/v1/defenses", json=sent).status_code == 202
        (uploads, _), *written = statements
        assert "FROM uploads" in uploads
        if site.resources.database.engine.dialect.name == "postgresql":
            ((at_once, parameters),) = written
            tables = ("defenses", "defense_inputs", "events", "audit")
            assert all(f"INSERT INTO {table} " in at_once for table in tables)
            # psycopg remembers how it writes a statement only if that is not too large
            assert len(parameters) <= MAX_CACHED_STATEMENT_PARAMS
            assert len(at_once) <= MAX_CACHED_STATEMENT_LENGTH
        else:  # nothing lies between it and its file
            assert len(written) == 8
