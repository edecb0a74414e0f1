"""Who is asking: from memory, and what that may be late about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from service.access import keyring as keyrings
from service.access import repository, service, tokens
from service.access.buckets import Rate
from service.access.callers import ANONYMOUS
from service.access.errors import RateLimitedError, UnauthorizedError
from service.access.keyring import SECONDS, Keyring
from service.access.scopes import Scope
from service.database import Database
from service.ids import new_id
from service.records import KeyRecord
from service.settings import Settings
from tests.service.access.conftest import OURS, Clock, add_key, add_tenants

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Today:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def today() -> Today:
    return Today()


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


def test_a_key_is_looked_up_once_in_a_while(
    keys: Database, make_ring: Callable[..., Keyring], clock: Clock, queries: list[str]
) -> None:
    key = add_key(keys, OURS, Scope.DEFEND)

    async def ask() -> None:
        ring = make_ring()
        queries.clear()
        callers = await asyncio.gather(*(ring.caller(bearer(key)) for _ in range(50)))
        assert {caller.tenant for caller in callers} == {OURS}
        assert callers[0].scopes == {Scope.DEFEND, Scope.READ}
        once = len(queries)
        clock.now += SECONDS - 0.1
        await ring.caller(bearer(key))
        assert len(queries) == once == 1
        clock.now += 0.2
        await ring.caller(bearer(key))
        assert len(queries) == 2

    asyncio.run(ask())


def test_a_revocation_is_noticed_in_time_by_others_and_at_once_here(
    keys: Database, make_ring: Callable[..., Keyring], clock: Clock
) -> None:
    key = add_key(keys, OURS, Scope.READ)
    token = tokens.parse(key)
    assert token

    async def ask() -> None:
        here, elsewhere = make_ring(), make_ring()
        for ring in (here, elsewhere):
            await ring.caller(bearer(key))
        with keys.write() as session:
            service.revoke_key(session, OURS, token.key_id)
        here.forget()
        with pytest.raises(UnauthorizedError, match="revoked") as raised:
            await here.caller(bearer(key))
        assert raised.value.caller
        assert raised.value.caller.key_id == token.key_id
        await elsewhere.caller(bearer(key))
        clock.now += SECONDS
        with pytest.raises(UnauthorizedError, match="revoked"):
            await elsewhere.caller(bearer(key))

    asyncio.run(ask())


def test_a_key_expires_while_it_is_remembered(
    keys: Database, make_ring: Callable[..., Keyring], today: Today
) -> None:
    key = add_key(keys, OURS, Scope.READ, expires_at=NOON + timedelta(minutes=1))

    async def ask() -> None:
        ring = make_ring()
        today.now = NOON + timedelta(seconds=59)
        await ring.caller(bearer(key))
        today.now = NOON + timedelta(seconds=60)
        with pytest.raises(UnauthorizedError, match="expired at 2030-01-01T12:01:00Z"):
            await ring.caller(bearer(key))

    asyncio.run(ask())


def test_a_wrong_secret_and_an_unknown_key_look_the_same(
    keys: Database, make_ring: Callable[..., Keyring], queries: list[str]
) -> None:
    token = tokens.parse(add_key(keys, OURS, Scope.READ))
    assert token
    guessed, unknown = tokens.new(token.key_id), tokens.new(new_id("key"))

    async def ask() -> None:
        ring = make_ring()
        told = []
        for key in (guessed, unknown):
            for _ in range(3):
                with pytest.raises(UnauthorizedError) as raised:
                    await ring.caller(bearer(key))
                told.append((raised.value.detail, raised.value.headers, raised.value.caller))
        assert told == told[:1] * 6

    queries.clear()
    asyncio.run(ask())
    assert len(queries) == 2, "what is known to be wrong is not looked up again"


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer np_x", "Basic bnA6", "np_", "Bearer  é"])
def test_what_cannot_be_a_key_is_not_looked_up(
    make_ring: Callable[..., Keyring], queries: list[str], sent: str
) -> None:
    queries.clear()
    with pytest.raises(UnauthorizedError, match="not a key"):
        asyncio.run(make_ring().caller(sent))
    assert queries == []


def test_strangers_do_not_keep_the_database_from_known_keys(
    keys: Database,
    make_ring: Callable[..., Keyring],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyrings, "STRANGERS", Rate("strangers", per_second=0.001, burst=5))
    key = add_key(keys, OURS, Scope.READ)

    async def ask() -> None:
        ring = make_ring()
        await ring.caller(bearer(key))
        kinds = set()
        for _ in range(10):
            with pytest.raises((UnauthorizedError, RateLimitedError)) as raised:
                await ring.caller(bearer(tokens.new(new_id("key"))))
            kinds.add(raised.type)
        assert kinds == {UnauthorizedError, RateLimitedError}
        clock.now += SECONDS
        await ring.caller(bearer(key))

    asyncio.run(ask())


def test_what_is_remembered_is_bounded(
    make_ring: Callable[..., Keyring], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyrings, "MOST", 3)

    async def ask() -> None:
        ring = make_ring()
        for _ in range(10):
            with pytest.raises(UnauthorizedError):
                await ring.caller(bearer(tokens.new(new_id("key"))))
        assert len(ring._unknown) <= 3

    asyncio.run(ask())


# Without a key


def asks_for_keys(ring: Keyring) -> bool:
    try:
        return asyncio.run(ring.caller(None)) is not ANONYMOUS
    except UnauthorizedError as error:
        return "invalid_token" not in error.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({}, False, True),
        ({"require_keys": True}, True, True),
        ({"require_keys": False}, False, False),
        ({"host": "0.0.0.0"}, True, True),
        ({"host": "0.0.0.0", "require_keys": False}, True, True),
        ({"host": "0.0.0.0", "allow_anonymous": True}, False, True),
        ({"host": "0.0.0.0", "allow_anonymous": True, "require_keys": True}, True, True),
        ({"host": "::1"}, False, True),
    ],
    ids=str,
)
def test_when_a_key_is_needed(
    keys: Database,
    make_ring: Callable[..., Keyring],
    clock: Clock,
    changes: dict[str, object],
    before: bool,
    after: bool,
) -> None:
    ring = make_ring(**changes)
    assert asks_for_keys(ring) is before
    add_key(keys, OURS, Scope.READ)
    clock.now += SECONDS
    assert asks_for_keys(ring) is after


def test_a_first_key_made_while_the_database_was_asked_closes_the_door(
    make_ring: Callable[..., Keyring], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = make_ring()

    def none_yet() -> bool:
        ring.forget()
        return False

    monkeypatch.setattr(ring, "_any_key", none_yet)
    assert asks_for_keys(ring)


def test_the_last_key_that_goes_opens_nothing(
    keys: Database, make_ring: Callable[..., Keyring]
) -> None:
    token = tokens.parse(add_key(keys, OURS, Scope.ADMIN))
    assert token
    with keys.write() as session:
        service.revoke_key(session, OURS, token.key_id)
        assert not repository.any_usable_key(session)
    assert asks_for_keys(make_ring())


def test_a_bad_key_is_refused_where_none_is_needed(make_ring: Callable[..., Keyring]) -> None:
    ring = make_ring()
    assert not asks_for_keys(ring)
    with pytest.raises(UnauthorizedError):
        asyncio.run(ring.caller(bearer(tokens.new(new_id("key")))))


# Last use


def test_the_last_use_is_written_once_a_minute(
    keys: Database, make_ring: Callable[..., Keyring], today: Today, queries: list[str]
) -> None:
    key = add_key(keys, OURS, Scope.READ)
    here, elsewhere = make_ring(), make_ring()

    def use(ring: Keyring, seconds: int) -> datetime | None:
        today.now = NOON + timedelta(seconds=seconds)
        asyncio.run(ring.caller(bearer(key)))
        ring.flush()
        with keys.read() as session:
            return session.query(KeyRecord).one().last_used_at

    assert use(here, 0) == NOON
    assert use(here, 30) == NOON
    assert use(elsewhere, 40) == NOON, "another process does not write more often"
    assert use(here, 61) == NOON + timedelta(seconds=61)
    queries.clear()
    here.flush()
    assert queries == [], "nothing was used since"


def test_a_use_within_the_minute_is_written_when_it_is_over(
    keys: Database, make_ring: Callable[..., Keyring], today: Today
) -> None:
    key = add_key(keys, OURS, Scope.READ)
    ring = make_ring()
    for seconds in (0, 30):
        today.now = NOON + timedelta(seconds=seconds)
        asyncio.run(ring.caller(bearer(key)))
        ring.flush()
    assert list(ring._uses._used.values()) == [NOON + timedelta(seconds=30)]
