"""When a key was used last, written now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from service.access.keyring import Keyring
from service.access.scopes import Scope
from service.database import Database
from service.records import KeyRecord
from tests.service.access.conftest import NOON, OURS, Today, add_key, bearer


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
