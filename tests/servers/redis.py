"""Redis with an append-only file, as it is deployed: what was acknowledged survives a crash."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from redis import Redis

from tests.servers.process import Server, UnavailableError, folder, running


class RedisServer(Server):
    """A Redis server; ``url`` stays the same over restarts."""

    name = "redis"

    def __init__(self, folder: Path, program: str) -> None:
        super().__init__(folder)
        self._program = program

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
        options = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return [self._program, *options]

    def probe(self) -> None:
        with self._client() as client:
            client.ping()

    def empty(self) -> None:
        """Forget every key."""
        with self._client() as client:
            client.flushall()

    def _client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=5)


@contextlib.contextmanager
def redis(kind: type[RedisServer] = RedisServer) -> Iterator[RedisServer]:
    """A running, empty Redis server."""
    program = shutil.which("redis-server")
    if program is None:
        raise UnavailableError("no redis-server on the PATH: apt-get install redis-server")
    with folder() as data, running(kind(data, program)) as server:
        yield server
