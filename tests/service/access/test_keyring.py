"""Who is asking: from memory, and what that may be late about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.access import keyring as keyrings
from service.access import service, tokens
from service.access.buckets import Rate
from service.access.errors import RateLimitedError, UnauthorizedError
from service.access.keyring import SECONDS, Keyring
from service.access.scopes import Scope
from service.database import Database
from service.ids import new_id
from tests.service.access.conftest import NOON, OURS, Clock, Today, add_key, bearer


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
