"""The database: engine, transactions, its clock, its schema version. SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from service.errors import UnavailableError
from service.tracing.spans import span

BUSY_MILLISECONDS = 30_000


DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError, TimeoutError)
"""What SQLAlchemy raises when the database is away, busy or restarting; InternalError when it ended
a transaction whose client was silent for too long, or takes no writes during a failover."""


class SchemaError(Exception):
    """The database's schema is not the one this code was written for."""


class Database:
    """Transactions over one engine. ``write`` takes SQLite's write lock at once, so that a
    read-then-write transaction never fails half way with "database is locked"."""

    def __init__(self, url: str, *, answer_seconds: float | None = None) -> None:
        """``answer_seconds`` bounds what PostgreSQL may take for one statement; without it, as for
        a migration, nothing is given up. SQLite's waits are for its lock, and bounded always."""
        self.url = url
        sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url) if sqlite else _postgresql(url, answer_seconds)
        self._writing = self.engine.execution_options(begin_immediate=True)
        # To PostgreSQL each statement is a transaction then: it saves two exchanges, and at its
        # level of isolation every statement saw the newest anyway.
        alone = {} if sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reading = self.engine.execution_options(**alone)
        self._writing_once = self._writing if sqlite else self._reading

    def read(self) -> AbstractContextManager[Session]:
        """To look only: on SQLite one transaction, on PostgreSQL each statement is its own."""
        return _session("database.read", self._reading)

    def write(self) -> AbstractContextManager[Session]:
        """One transaction, committed at the end, rolled back on any exception."""
        return _session("database.write", self._writing)

    def write_once(self) -> AbstractContextManager[Session]:
        """For one statement that changes something, after others that only look: on PostgreSQL each
        is committed by itself, on SQLite all of them together."""
        return _session("database.write", self._writing_once)

    def dispose(self) -> None:
        self.engine.dispose()

    def ping(self) -> None:
        """Raises UnavailableError when no query can be made."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError as error:
            raise UnavailableError("the database does not answer") from error

    # Schema

    def migrate(self) -> None:
        """Brings the schema to this code's version; does nothing when it is there already.

        Raises SchemaError when the schema is newer than this code.
        """
        with (
            self._writing.connect() as connection,
            _keys_asleep(connection),
            connection.begin(),  # one migration at a time: SQLite's write lock
        ):
            if self.engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7263018)"))
            _require_known(MigrationContext.configure(connection).get_current_revision())
            command.upgrade(_alembic_config(connection), "head")

    def require_current_schema(self) -> None:
        """Raises SchemaError, saying what to do, unless the schema is this code's."""
        with self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        _require_known(found)
        head = ScriptDirectory.from_config(_alembic_config(None)).get_current_head()
        if found != head:
            raise SchemaError(
                f"the database schema is {found or 'empty'}, this version needs {head}:"
                " run `python -m service migrate`"
            )


@contextmanager
def _session(name: str, engine: Engine) -> Iterator[Session]:
    with (
        span(name, failures=SQLAlchemyError, causes=False),
        Session(engine, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def now(session: Session) -> datetime:
    """The database's clock (UTC): leases must not depend on the clocks of several machines."""
    if session.get_bind().dialect.name == "postgresql":
        value: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return value.astimezone(UTC)
    return datetime.now(UTC)


@contextmanager
def _keys_asleep(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew and dropping the old one, at which foreign keys
    would do what they do when its rows are deleted. They are switched outside transactions only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _require_known(revision: str | None) -> None:
    script = ScriptDirectory.from_config(_alembic_config(None))
    if revision not in (None, *(known.revision for known in script.walk_revisions())):
        raise SchemaError(
            f"the database schema {revision} is newer than this version of the service: upgrade it"
        )


def _postgresql(url: str, answer_seconds: float | None) -> Engine:
    from service import answering  # psycopg and libpq, which nothing else needs

    return answering.engine(url, answer_seconds)


def _sqlite(url: str) -> Engine:
    database = make_url(url).database
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None  # BEGIN is ours, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("begin_immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _alembic_config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
