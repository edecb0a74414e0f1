"""When a key is needed, and when nobody needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from service.access import repository, service, tokens
from service.access.callers import ANONYMOUS
from service.access.errors import UnauthorizedError
from service.access.keyring import SECONDS, Keyring
from service.access.scopes import Scope
from service.database import Database
from service.ids import new_id
from tests.service.access.conftest import OURS, Clock, add_key, bearer


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
