"""The servers as pytest fixtures: started once by each test process, and only if a test needs them.

A test may kill or restart its server; the next test finds it running and empty again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.servers.postgres import PostgresServer, postgres
from tests.servers.process import AnyServer, UnavailableError
from tests.servers.redis import RedisServer, redis
from tests.servers.s3 import S3Bucket, S3Server, s3

SESSIONS = frozenset({"redis_session", "postgres_session", "s3_session"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real server, so that ``-m 'not server'`` leaves it out."""
    for item in items:
        if SESSIONS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def have(server: AbstractContextManager[AnyServer], stack: ExitStack) -> AnyServer:
    """Start the server; skip where it cannot be had, and fail where CI promises that it can."""
    try:
        return stack.enter_context(server)
    except UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have this server: {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def redis_session() -> Iterator[RedisServer]:
    """The Redis of this test process; ask for ``redis_server`` instead."""
    with ExitStack() as stack:
        yield have(redis(), stack)


@pytest.fixture(scope="session")
def postgres_session() -> Iterator[PostgresServer]:
    """The PostgreSQL of this test process; ask for ``postgres_server`` instead."""
    with ExitStack() as stack:
        yield have(postgres(), stack)


@pytest.fixture(scope="session")
def s3_session() -> Iterator[S3Server]:
    """The S3 server of this test process; ask for ``s3_server`` instead."""
    with ExitStack() as stack:
        yield have(s3(), stack)


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """A running, empty Redis with ``url``, ``kill()``, ``start()``, ``restart()``."""
    redis_session.start()
    redis_session.empty()
    return redis_session


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    return redis_server.url


@pytest.fixture
def postgres_server(postgres_session: PostgresServer) -> PostgresServer:
    """A running PostgreSQL with ``fresh_database()``, ``kill()``, ``start()``, ``restart()``."""
    postgres_session.start()
    return postgres_session


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def s3_server(s3_session: S3Server) -> S3Server:
    """A running S3 server with ``fresh_bucket()``, ``kill()``, ``start()``, ``restart()``."""
    s3_session.start()
    return s3_session


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> S3Bucket:
    """A new, empty bucket: endpoint_url, access_key, secret_key, region, bucket."""
    return s3_server.fresh_bucket()
