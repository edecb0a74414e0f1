"""Real servers for tests, each on loopback, on a free port, in a temporary folder.

``redis()``, ``postgres()`` and ``s3()`` are context managers. They raise ``UnavailableError`` with
the reason where a server cannot be had; ``tests/servers/fixtures.py`` turns that into a skip, and
into a failure where CI is set.
"""

from tests.servers.postgres import PostgresServer, postgres
from tests.servers.process import Server, UnavailableError
from tests.servers.redis import RedisServer, redis
from tests.servers.s3 import S3Bucket, S3Server, s3

__all__ = [
    "PostgresServer",
    "RedisServer",
    "S3Bucket",
    "S3Server",
    "Server",
    "UnavailableError",
    "postgres",
    "redis",
    "s3",
]
