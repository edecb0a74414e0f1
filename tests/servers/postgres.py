"""PostgreSQL without fsync: a cluster a session, a fresh database a test.

What was committed survives a killed server (the kernel has it), not a lost machine.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from tests.servers.process import Server, UnavailableError, folder, identity, running

UNPRIVILEGED = "postgres"  # the server refuses to run as root


class PostgresServer(Server):
    """A PostgreSQL cluster that trusts whoever connects from loopback."""

    name = "postgres"

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        super().__init__(folder)
        self.user = user
        self.programs = programs
        self._numbers = itertools.count()

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make the cluster's files. Raises ``RuntimeError`` with initdb's message."""
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            [self.programs / "initdb", "--no-sync", f"--pgdata={self.folder}", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **identity(self.user),
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.folder), *options]

    def probe(self) -> None:
        self._execute("SELECT 1")

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The SQLAlchemy URL of a new, empty database; it is dropped, in use or not, at the end."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            if self.running:
                self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        where = f"host=127.0.0.1 port={self.port} user=postgres connect_timeout=5"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL cluster without any database of ours."""
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    programs = programs_folder()
    with folder(user) as data:
        server = PostgresServer(data, programs, user)
        server.initialise()
        with running(server):
            yield server


def programs_folder() -> Path:
    """The newest PostgreSQL on this machine; Debian keeps it off the PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path is not None:
        return Path(on_path).parent
    raise UnavailableError("no PostgreSQL server on this machine: apt-get install postgresql")
