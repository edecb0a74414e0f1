"""The schema in a new database: copied from the first one that this test process has migrated.

What a migration does has tests of its own (tests/service/test_database.py, tests/faults).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL, make_url

from service.database import Database
from tests.servers.postgres import programs_folder

_files: list[bytes] = []  # the first migrated SQLite file
_scripts: list[bytes] = []  # what makes the first migrated PostgreSQL database


def give_schema(url: str) -> None:
    """What ``Database(url).migrate()`` does, in a fraction of the time where nothing is there yet.

    ``url`` is a SQLAlchemy URL of a SQLite file, or of a PostgreSQL database.
    """
    where = make_url(url)
    if where.get_backend_name() == "sqlite":
        _into_file(where)
    else:
        _into_database(where)


def _into_file(where: URL) -> None:
    path = Path(str(where.database))
    if path.exists():
        _migrate(where)
    elif _files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_files[0])
    else:
        _migrate(where)
        _files.append(path.read_bytes())  # SQLite's log went into it with the last connection


def _into_database(where: URL) -> None:
    plain = where.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        tables = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        if _scripts and tables.fetchone() is None:
            connection.execute(_scripts[0])
            return
    _migrate(where)
    if not _scripts:
        _scripts.append(_script(plain))


def _script(url: str) -> bytes:
    """The statements that make the database, without the commands of psql."""
    dump = [str(programs_folder() / "pg_dump"), "--no-owner", "--inserts", url]
    done = subprocess.run(dump, check=True, capture_output=True)
    lines = done.stdout.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"\\"))


def _migrate(where: URL) -> None:
    database = Database(where.render_as_string(hide_password=False))
    database.migrate()
    database.dispose()
