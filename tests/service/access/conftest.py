"""A service with two tenants, and keys of every scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import event

from service.access import repository, service
from service.access.keyring import Keyring
from service.access.scopes import Scope
from service.database import Database
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running

OURS, THEIRS, NEWCOMERS = "ours", "theirs", "newcomers"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MakeKey = Callable[..., str]


class Clock:
    """Moves when the test says so; seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Today:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def today() -> Today:
    return Today()


def add_tenants(database: Database) -> None:
    with database.write() as session:
        for tenant in (OURS, THEIRS, NEWCOMERS):
            repository.add_tenant(session, tenant)


def add_key(database: Database, tenant: str, *scopes: Scope, **more: object) -> str:
    """The text of a new key."""
    with database.write() as session:
        made = service.create_key(
            session, tenant=tenant, name="of a test", scopes=list(scopes), **more
        )
    return made.key


def with_key(site: Site, key: str | None) -> httpx.Client:
    """A client that sends the key, or none."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=site.url, timeout=30, headers=headers)


@pytest.fixture
def make_key(small_site: Site) -> MakeKey:
    """Makes a key of our tenant for the small site."""
    add_tenants(small_site.resources.database)

    def make(*scopes: Scope, tenant: str = OURS, **more: object) -> str:
        return add_key(small_site.resources.database, tenant, *scopes, **more)

    return make


@pytest.fixture(scope="module")
def quiet_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service with both tenants for all tests of a module."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("keys"), require_keys=True, **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        add_tenants(site.resources.database)
        yield site


@pytest.fixture
def keys(embedded: Settings) -> Iterator[Database]:
    database = Database(embedded.database)
    add_tenants(database)
    yield database
    database.dispose()


@pytest.fixture
def make_ring(
    embedded: Settings, keys: Database, clock: Clock, today: Today
) -> Callable[..., Keyring]:
    """A keyring of one process; several of them know nothing of each other."""

    def make(**changes: object) -> Keyring:
        settings = embedded.model_copy(update=changes)
        return Keyring(settings, keys, clock=clock, today=today)

    return make


@pytest.fixture
def queries(keys: Database) -> list[str]:
    """Every statement from now on."""
    seen: list[str] = []

    def notice(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement != "BEGIN":
            seen.append(statement)

    event.listen(keys.engine, "before_cursor_execute", notice)
    return seen


def bearer(key: str) -> str:
    return f"Bearer {key}"
