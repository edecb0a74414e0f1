"""PostgreSQL that is stopped, cut off or locked: an error in bounded time, and no lock for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from service.database import DATABASE_ERRORS, Database
from tests.servers import PostgresServer
from tests.waiting import wait_until

SECONDS = 0.6


@pytest.fixture
def table(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with one row to fight for; answers are due within a second."""
    monkeypatch.setattr("service.answering.LATER", 0.2)
    monkeypatch.setattr("service.answering.CONNECT_SECONDS", 2)
    database = Database(postgres_url, answer_seconds=SECONDS)
    with database.write() as session:
        session.execute(text("CREATE TABLE rows AS SELECT 1 AS number"))
    yield database
    database.dispose()


def take(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE rows SET number = number + 1"))


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """PostgreSQL's processes are in groups of their own, so each is stopped by itself."""
    program = psutil.Process(server.pid)
    family = [program, *program.children()]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


def test_a_server_that_is_stopped_is_given_up(
    table: Database, postgres_server: PostgresServer
) -> None:
    with table.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with (
            stopped(postgres_server),
            pytest.raises(OperationalError, match="took too long"),
        ):
            connection.execute(text("SELECT 1"))
    take(table)


def test_a_connection_of_the_pool_to_a_stopped_server(
    table: Database, postgres_server: PostgresServer
) -> None:
    take(table)
    with stopped(postgres_server), pytest.raises(DATABASE_ERRORS):
        take(table)
    take(table)


def test_a_statement_that_takes_too_long_is_ended_by_the_server(table: Database) -> None:
    with table.read() as session, pytest.raises(OperationalError, match="statement timeout"):
        session.execute(text("SELECT pg_sleep(60)"))


def test_a_lock_of_somebody_who_was_stopped(table: Database, postgres_url: str) -> None:
    """As a worker that is stopped in the middle of a transaction keeps its defense's row."""
    asleep = Database(postgres_url, answer_seconds=SECONDS)
    with asleep.engine.connect() as connection:
        connection.execute(text("UPDATE rows SET number = 10"))
        with pytest.raises(OperationalError, match="lock timeout"):
            take(table)
        wait_until(lambda: taken(table))
        with pytest.raises(DBAPIError) as raised:
            connection.execute(text("SELECT 1"))
        assert isinstance(raised.value, DATABASE_ERRORS)
    asleep.dispose()
    with table.read() as session:
        assert session.scalar(text("SELECT number FROM rows")) == 2


def taken(database: Database) -> bool:
    try:
        take(database)
    except OperationalError:
        return False
    return True


def test_a_migration_is_given_the_time_that_it_takes(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.read() as session:
        limits = [
            session.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert limits == ["0", "0", "0"]
    database.dispose()
