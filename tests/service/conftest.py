"""The same tests on both stacks: what is embedded, and real PostgreSQL, Redis and S3 servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
from pydantic import SecretStr

from service.app import build, create_app
from service.blobs import Blobs
from service.database import Database
from service.resources import Resources
from service.server import Server, address, listen
from service.settings import Settings
from service.storage import Store, open_store
from tests.schema import give_schema

STACKS = [
    "embedded",
    pytest.param("servers", marks=[pytest.mark.server]),
]
TEST_LIMITS = {
    "max_upload_bytes": 4 << 20,
    "max_json_bytes": 64 << 10,
    "reap_interval_seconds": 3600.0,  # tests reap by hand
    "shutdown_seconds": 5.0,
}


@pytest.fixture(autouse=True, scope="session")
def _plain_tracebacks() -> None:
    """structlog's default ones show every variable, which takes seconds."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an empty, unmigrated service."""
    if request.param == "embedded":
        return Settings(data_dir=tmp_path, **TEST_LIMITS)
    bucket = request.getfixturevalue("s3_bucket")
    return Settings(
        data_dir=tmp_path,
        database_url=request.getfixturevalue("postgres_url"),
        broker_url=request.getfixturevalue("redis_url"),
        store_url=f"s3://{bucket.bucket}/store",
        s3_endpoint_url=bucket.endpoint_url,
        s3_public_url=bucket.endpoint_url,
        s3_access_key_id=bucket.access_key,
        s3_secret_access_key=SecretStr(bucket.secret_key),
        s3_region=bucket.region,
        **TEST_LIMITS,
    )


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """Settings of an empty, migrated service without servers."""
    settings = Settings(data_dir=tmp_path, **TEST_LIMITS)
    migrate(settings)
    return settings


def migrate(settings: Settings) -> None:
    """The schema of this code, as ``python -m service migrate`` brings it."""
    give_schema(settings.database)


@pytest.fixture
def database(stack: Settings) -> Iterator[Database]:
    """A migrated database."""
    give_schema(stack.database)
    database = Database(stack.database)
    yield database
    database.dispose()


@pytest.fixture
def store(stack: Settings) -> Store:
    return open_store(stack)


@pytest.fixture
def blobs(database: Database, store: Store) -> Blobs:
    return Blobs(database, store)


@dataclass(frozen=True)
class Site:
    """A service that listens, a client that talks to it, and what is behind it."""

    settings: Settings
    client: httpx.Client
    url: str
    resources: Resources
    server: Server

    def host(self) -> tuple[str, int]:
        where = httpx.URL(self.url)
        assert where.port
        return where.host, where.port


@contextmanager
def running(settings: Settings) -> Iterator[Site]:
    """The web application in a thread of this process, on a free port."""
    app = create_app(settings)
    ready = threading.Event()
    listener = listen("127.0.0.1", 0)
    server = Server(app, settings, on_ready=ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(120), "the server did not start"
        with httpx.Client(base_url=address(listener), timeout=120) as client:
            yield Site(settings, client, address(listener), app.state.resources, server)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.fixture
def site(stack: Settings) -> Iterator[Site]:
    """The service on each stack."""
    migrate(stack)
    with running(stack) as site:
        yield site


@pytest.fixture
def small_site(embedded: Settings) -> Iterator[Site]:
    """The service without servers, for what does not depend on them."""
    with running(embedded) as site:
        yield site


@pytest.fixture(scope="module")
def quiet_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all tests of a module that leave nothing behind in it but uploads."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("quiet"), **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture
def resources(stack: Settings) -> Iterator[Resources]:
    """What is behind a service, without HTTP."""
    migrate(stack)
    resources = build(stack)
    yield resources
    resources.database.dispose()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes bytes to a new file."""
    folder = tmp_path / "files"
    folder.mkdir()

    def make(content: bytes) -> Path:
        path = folder / str(len(list(folder.iterdir())))
        path.write_bytes(content)
        return path

    return make
