"""Database statements as spans, on both databases."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from service.database import Database, now
from service.errors import NotFoundError
from service.records import TenantRecord
from service.tracing import OFF, active
from service.tracing.statements import told, trace_statements
from tests.service.tracing.test_spans import FakeSpan, FakeTracing

SECRET = "a-secret-of-somebody"


@pytest.fixture
def traced(database: Database) -> Database:
    trace_statements(database.engine, FakeTracing())
    return database


def of_tables(spans: list[FakeSpan]) -> list[str]:
    """Names of those that name a table: the two databases differ in how a transaction begins."""
    return [span.name for span in spans if "db.collection.name" in span.attributes]


def tenants(moment: datetime) -> list[TenantRecord]:
    return [TenantRecord(id=f"{SECRET}-{number}", created_at=moment) for number in range(3)]


def test_a_transaction_holds_its_statements(traced: Database) -> None:
    root = FakeSpan("root")
    with active(root):
        with traced.write() as session:
            session.add_all(tenants(now(session)))
            session.flush()
            session.execute(update(TenantRecord).values(limits=None))
        with traced.read() as session:
            query = select(TenantRecord.id).where(TenantRecord.id.startswith(SECRET))
            assert len(session.scalars(query).all()) == 3
    write, read = root.children
    assert (write.name, read.name) == ("database.write", "database.read")
    assert [child.name for child in write.children][-2:] == ["INSERT tenants", "UPDATE tenants"]
    assert of_tables(read.children)[-1] == "SELECT tenants"
    found = read.children[-1].attributes
    system = traced.engine.dialect.name
    assert {"db.system.name": system, "db.operation.name": "SELECT"}.items() <= found.items()
    spans = root.everything()[1:]
    assert all(span.ended for span in spans)
    assert not any(span.failures for span in spans)
    assert SECRET not in repr(spans)


def test_what_fails_is_told_by_its_type(traced: Database) -> None:
    root = FakeSpan("root")
    with active(root), pytest.raises(SQLAlchemyError), traced.read() as session:
        session.execute(text(f"SELECT '{SECRET}' FROM nowhere"))
    (read,) = root.children
    statement = read.children[-1]
    assert statement.name == "SELECT nowhere"
    assert statement.ended
    assert len(statement.failures) == len(read.failures) == 1
    assert SECRET not in repr(root.everything())
    with active(root), traced.read() as session:
        session.execute(select(TenantRecord.id))
    assert not root.children[-1].failures, "what failed before is over"


def test_what_is_not_found_is_no_failure_of_the_database(traced: Database) -> None:
    root = FakeSpan("root")
    with active(root), pytest.raises(NotFoundError), traced.read():
        raise NotFoundError("there is none")
    assert root.children[0].failures == []
    assert root.children[0].ended


def test_outside_of_a_trace_nothing_is_made(traced: Database) -> None:
    silent = FakeSpan("root", recording=False)
    with active(silent), traced.write() as session:
        session.execute(select(TenantRecord.id))
    with traced.write() as session:
        session.execute(select(TenantRecord.id))
    assert silent.children == []


def test_where_traces_are_off_nobody_listens(database: Database) -> None:
    def listeners() -> list[int]:
        names = ("before_cursor_execute", "after_cursor_execute")
        return [len(list(getattr(database.engine.dispatch, name))) for name in names]

    before = listeners()
    trace_statements(database.engine, OFF)
    assert listeners() == before
    trace_statements(database.engine, FakeTracing())
    assert listeners() == [count + 1 for count in before]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT a.b, 'x' FROM a JOIN c ON 1 = 1", ("SELECT", "a")),
        ('INSERT INTO "blobs" (id) VALUES (?)', ("INSERT", "blobs")),
        ("UPDATE defenses SET x=%(x)s", ("UPDATE", "defenses")),
        ("DELETE FROM uploads WHERE id = ?", ("DELETE", "uploads")),
        ("WITH turns AS (SELECT 1 FROM defenses) UPDATE x", ("WITH", "defenses")),
        ("\n  select 1", ("SELECT", None)),
        ("BEGIN IMMEDIATE", ("BEGIN", None)),
        ("SELECT clock_timestamp() AS clock_timestamp_1", ("SELECT", None)),
        ("-- nothing", ("SQL", None)),
    ],
)
def test_a_statement_is_told_by_its_verb_and_table(
    statement: str, found: tuple[str, str | None]
) -> None:
    assert told(statement) == found
