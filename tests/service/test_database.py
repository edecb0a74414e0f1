"""The schema: migrations make what the tables say, and nothing else is worked with."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.pq import TransactionStatus
from sqlalchemy import inspect, select, text

from service.database import Database, SchemaError, _alembic_config, now
from service.errors import UnavailableError
from service.ids import new_id
from service.records import BlobRecord, Record, TenantRecord
from service.settings import Settings


@pytest.fixture
def database(stack: Settings) -> Iterator[Database]:
    """Migrated by the migrations themselves; elsewhere it is a copy."""
    database = Database(stack.database)
    database.migrate()
    yield database
    database.dispose()


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Record.metadata) == []


def test_every_foreign_key_has_an_index(database: Database) -> None:
    """Deleting a blob or a defense looks for what refers to it."""
    inspector = inspect(database.engine)
    for table in inspector.get_table_names():
        indexed = {index["column_names"][0] for index in inspector.get_indexes(table)}
        indexed |= {one["column_names"][0] for one in inspector.get_unique_constraints(table)}
        indexed |= set(inspector.get_pk_constraint(table)["constrained_columns"][:1])
        for key in inspector.get_foreign_keys(table):
            assert key["constrained_columns"][0] in indexed, table


def test_migrating_again_changes_nothing(database: Database) -> None:
    database.migrate()
    database.require_current_schema()


def test_what_refers_to_a_table_survives_its_change(stack: Settings) -> None:
    """SQLite changes a table by making it anew, and deletes the old one with all its rows."""
    database = Database(stack.database)
    moment = "2026-01-01 00:00:00"
    with database.engine.begin() as connection:
        command.upgrade(_alembic_config(connection), "0002")
        for row in (
            f"blobs (id, sha256, size, live, created_at) VALUES ('b', '0', 1, true, '{moment}')",
            "models (id, tenant, blob_id, description, method, numbers, created_at)"
            f" VALUES ('m', 't', 'b', '{{}}', 'stage', '{{}}', '{moment}')",
            "names (tenant, name, version, latest, created_at, updated_at)"
            f" VALUES ('t', 'n', 1, 1, '{moment}', '{moment}')",
            "name_versions (tenant, name, version, model_id, created_at)"
            f" VALUES ('t', 'n', 1, 'm', '{moment}')",
        ):
            connection.execute(text(f"INSERT INTO {row}"))
    database.migrate()
    with database.engine.begin() as connection:
        assert connection.scalar(text("SELECT model_id FROM name_versions")) == "m"
        connection.execute(text("DELETE FROM models"))  # the keys hold again
        assert connection.scalar(text("SELECT model_id FROM name_versions")) is None
    database.dispose()


def test_what_was_made_without_keys_is_the_default_tenants(stack: Settings) -> None:
    database = Database(stack.database)
    with database.engine.begin() as connection:
        command.upgrade(_alembic_config(connection), "0003")
        connection.execute(
            text(
                "INSERT INTO blobs (id, sha256, size, live, created_at)"
                " VALUES ('b', '0', 1, true, '2026-01-01 00:00:00')"
            )
        )
    database.migrate()
    with database.read() as session:
        assert session.get_one(BlobRecord, "b").tenant == "default"
        assert session.get_one(TenantRecord, "default").limits is None
    database.dispose()


def test_an_empty_database_is_refused(stack: Settings) -> None:
    database = Database(stack.database)
    with pytest.raises(SchemaError, match="migrate"):
        database.require_current_schema()
    database.dispose()


def test_a_newer_database_is_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer"):
        database.require_current_schema()
    with pytest.raises(SchemaError, match="newer"):
        database.migrate()


def blob(session, moment: datetime) -> BlobRecord:
    made = BlobRecord(id=new_id("blb"), sha256="0" * 64, size=2**40, live=True, created_at=moment)
    session.add(made)
    return made


def test_moments_come_back_in_utc(database: Database) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 1, 2, 30, 15, 123456, there)
    with database.write() as session:
        blob_id = blob(session, moment).id
    with database.read() as session:
        found = session.get_one(BlobRecord, blob_id)
        assert found.created_at == moment
        assert found.created_at.tzinfo == UTC
        assert found.size == 2**40
        assert session.scalar(select(BlobRecord.id).where(BlobRecord.created_at == moment))


def test_the_clock_is_aware_and_never_goes_back(database: Database) -> None:
    with database.read() as session:
        moments = [now(session) for _ in range(5)]
    assert moments == sorted(moments)
    assert all(moment.utcoffset() == timedelta() for moment in moments)


def test_an_exception_undoes_everything(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012
        blob(session, now(session))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(BlobRecord)).all() == []


def test_a_look_begins_no_transaction_at_a_server(database: Database) -> None:
    """And what is written over the same connection after it is one all the same."""
    with database.read() as session:
        assert session.scalars(select(BlobRecord)).all() == []
        held = session.connection().connection.driver_connection
        if database.engine.dialect.name == "postgresql":
            assert held is not None
            assert held.info.transaction_status == TransactionStatus.IDLE
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012
        blob(session, now(session))
        session.flush()
        assert session.connection().connection.driver_connection is held
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(BlobRecord)).all() == []


def test_reading_then_writing_at_once_never_fails_half_way(database: Database) -> None:
    with database.write() as session:
        blob_id = blob(session, now(session)).id

    def increment(_: int) -> None:
        with database.write() as session:
            query = select(BlobRecord).where(BlobRecord.id == blob_id).with_for_update()
            session.scalars(query).one().size += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(40)))
    with database.read() as session:
        assert session.get_one(BlobRecord, blob_id).size == 2**40 + 40


def test_an_absent_database_is_unavailable() -> None:
    database = Database("postgresql+psycopg://user:hush@127.0.0.1:9/none")
    with pytest.raises(UnavailableError) as raised:
        database.ping()
    assert "hush" not in str(raised.value)
