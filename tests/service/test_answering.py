"""PostgreSQL that is stopped, cut off or locked: an error in bounded time, and no lock for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from service.answering import MOST_CONNECTIONS
from service.database import DATABASE_ERRORS, Database
from tests.servers import PostgresServer
from tests.waiting import wait_until

SECONDS = 0.6
INCREMENT = "UPDATE rows SET number = number + 1"


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


@pytest.fixture
def patient(table: Database, postgres_url: str) -> Iterator[Database]:
    """The same, where answers may take a minute; a connection lies in its pool."""
    database = Database(postgres_url, answer_seconds=60)
    take(database)
    yield database
    database.dispose()


@pytest.fixture
def asked(patient: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the server gets from now on, whoever makes them; no BEGIN, no COMMIT."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def watched(self: psycopg.Cursor, query: str, *args: Any, **more: Any) -> psycopg.Cursor:
        seen.append(query)
        return execute(self, query, *args, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", watched)
    return seen


def take(database: Database) -> None:
    with database.write() as session:
        session.execute(text(INCREMENT))


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


def test_a_connection_that_was_just_used_is_not_asked_for(
    patient: Database, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answering.FRESH", 3600.0)
    for _ in range(3):
        take(patient)
    assert asked == 3 * [INCREMENT]


def test_one_that_lay_for_long_is_asked_for(
    patient: Database, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answering.FRESH", -1.0)
    take(patient)
    assert len(asked) == 2
    assert asked[1] == INCREMENT


def test_connections_that_the_server_has_ended_are_not_used(
    patient: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answering.FRESH", 3600.0)
    with patient.engine.connect() as one, patient.engine.connect() as other:
        pids = [held.scalar(text("SELECT pg_backend_pid()")) for held in (one, other)]
    operator = Database(postgres_url)
    with operator.read() as session:
        for pid in pids:
            session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    wait_until(lambda: gone(operator, pids))
    operator.dispose()
    take(patient)
    take(patient)


def test_a_burst_leaves_its_connections_to_the_next_one(patient: Database) -> None:
    def burst() -> set[int]:
        with ExitStack() as held:
            some = [held.enter_context(patient.engine.connect()) for _ in range(MOST_CONNECTIONS)]
            return {each.scalar(text("SELECT pg_backend_pid()")) for each in some}

    assert burst() == burst()


def gone(operator: Database, pids: list[int]) -> bool:
    with operator.read() as session:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)")
        return session.scalar(query, {"pids": pids}) == 0


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
