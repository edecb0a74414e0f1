"""The servers and the service's own processes, on loopback, for one measurement."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.processes import Server, free_port, start
from service.database import Database
from tests.servers import PostgresServer, RedisServer, postgres, redis

ROOT = Path(__file__).parents[2]
END_SECONDS = 30


@dataclass
class House:
    """A migrated database, a broker, a folder, and what was started on them."""

    folder: Path
    database: str
    broker: str
    cores: str
    _started: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def environment(self, **more: str) -> dict[str, str]:
        """Of every process of the service."""
        return {
            "POLARIZER_DATA_DIR": str(self.folder),
            "POLARIZER_DATABASE_URL": self.database,
            "POLARIZER_BROKER_URL": self.broker,
            "POLARIZER_STORE_URL": (self.folder / "store").as_uri(),
            "POLARIZER_DEVICE": "cpu",
            "POLARIZER_LOG_LEVEL": "WARNING",
            "POLARIZER_LEASE_SECONDS": "60",
            "OMP_NUM_THREADS": "1",
            **more,
        }

    def api(self, **more: str) -> Server:
        """An API process; its engine starts when somebody infers, so not here."""
        port = free_port()
        environment = self.environment(POLARIZER_PORT=str(port), **more)
        command = [sys.executable, "-m", "service", "api"]
        log = self.folder / f"api-{port}.log"
        server = start(command, port, "/healthz", log, environment, self.cores)
        self._started.callback(server.stop)
        return server

    def bare(self) -> Server:
        """The smallest service that inserts rows: what creates are compared with."""
        port = free_port()
        environment = self.environment(BARE_PORT=str(port))
        command = [sys.executable, "-m", "benchmarks.scale.bare"]
        server = start(command, port, "/", self.folder / "bare.log", environment, self.cores)
        self._started.callback(server.stop)
        return server

    @contextlib.contextmanager
    def workers(
        self, count: int, command: Sequence[str], more: Mapping[str, str]
    ) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Workers with folders of their own, ready to take jobs; ended afterwards."""
        with contextlib.ExitStack() as running:
            yield [running.enter_context(self._worker(command, more)) for _ in range(count)]

    @contextlib.contextmanager
    def _worker(
        self, command: Sequence[str], more: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        folder = self.folder / f"worker-{secrets.token_hex(4)}"
        folder.mkdir()
        own = {"POLARIZER_DATA_DIR": str(folder), **more}
        with (folder / "log").open("wb") as log:
            worker = subprocess.Popen(
                ["taskset", "-c", self.cores, *command],
                env={**os.environ, **self.environment(**own)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
            try:
                yield worker
            finally:
                _end(worker)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def house(database_server: PostgresServer, broker: RedisServer, cores: str) -> Iterator[House]:
    """An empty, migrated service on these servers; everything that it started is ended."""
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        url = held.enter_context(database_server.fresh_database())
        broker.empty()
        migrated(url)
        made = House(folder, url, broker.url, cores)
        held.enter_context(made._started)
        yield made


def migrated(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.dispose()


@contextlib.contextmanager
def servers() -> Iterator[tuple[PostgresServer, RedisServer]]:
    """PostgreSQL and Redis. Raises UnavailableError where one cannot be had."""
    with postgres() as database_server, redis() as broker:
        yield database_server, broker
