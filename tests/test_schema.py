"""A copied schema is a migrated one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.database import Database
from service.records import TenantRecord
from tests.schema import give_schema
from tests.servers.postgres import PostgresServer

QUERIES = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master"],
    "postgresql": [
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,"
        " column_default, is_identity FROM information_schema.columns"
        " WHERE table_schema = 'public'",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
    ],
}

# PostgreSQL writes the type beside each value of a list anew when it reads its own dump.
CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")


@pytest.fixture(params=["embedded", pytest.param("servers", marks=[pytest.mark.server])])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """One that was migrated, and one that is a copy."""
    if request.param == "embedded":
        yield from _pair([f"sqlite:///{tmp_path}/{name}/p.sqlite3" for name in "abc"])
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.fresh_database() as a, server.fresh_database() as b, server.fresh_database() as c:
        yield from _pair([a, b, c])


def _pair(urls: list[str]) -> Iterator[tuple[Database, Database]]:
    migrated = Database(urls[0])
    migrated.migrate()
    give_schema(urls[1])  # the first one, if no test before asked
    give_schema(urls[2])
    copied = Database(urls[2])
    yield migrated, copied
    migrated.dispose()
    copied.dispose()


def told(database: Database) -> list[Any]:
    """All that the database itself says of its tables, indexes and constraints."""
    with database.read() as session:
        queries = QUERIES[session.get_bind().dialect.name]
        found = [session.execute(text(query)).all() for query in queries]
    return [sorted(_words(str(tuple(row))) for row in rows) for rows in found]


def _words(line: str) -> list[str]:
    """In no order: a migration that makes a SQLite table anew writes its constraints in any."""
    return sorted(re.findall(r"\w+", CASTS.sub("", line)))


def rows(database: Database) -> list[Any]:
    """What the migrations put into the tables; the moment is when they did."""
    with database.read() as session:
        version = session.scalars(text("SELECT version_num FROM alembic_version")).all()
        tenants = [(tenant.id, tenant.limits) for tenant in session.query(TenantRecord)]
    return [version, tenants]


def test_a_copy_says_what_the_migrated_one_says(pair: tuple[Database, Database]) -> None:
    migrated, copied = pair
    assert "webhook_deliveries" in str(told(copied))
    assert told(copied) == told(migrated)
    assert rows(copied) == rows(migrated)
    copied.require_current_schema()


def test_what_has_a_schema_keeps_its_rows(pair: tuple[Database, Database]) -> None:
    _migrated, copied = pair
    with copied.write() as session:
        session.execute(text("DELETE FROM tenants"))
    give_schema(copied.url)
    with copied.read() as session:
        assert session.query(TenantRecord).all() == []
