"""Keys, at a service of their own: with the first one, everybody needs one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from client import ForbiddenError, Polarizer, UnauthorisedError
from client.account import Key
from client.command.keys import state
from tests.client.command.conftest import Run
from tests.client.conftest import serving

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service, and its first key, an administrator's."""
    with serving(tmp_path_factory.mktemp("locked")) as url, Polarizer(url) as anybody:
        made = anybody.keys.create("first", ["admin"])
        assert made.key not in repr(made)
        yield url, made.key


def test_who_has_which_key(locked: tuple[str, str]) -> None:
    url, key = locked
    with Polarizer(url, key) as admin:
        until = datetime.now(UTC) + timedelta(days=1)
        made = admin.keys.create("reader", ["read"], expires_at=until, requests_per_second=50)
        assert [one.name for one in admin.keys.all(most=2)] == ["reader", "first"]
        assert admin.keys.whoami().tenant == "default"
        with Polarizer(url, made.key) as reader:
            assert reader.models.all() == []
            with pytest.raises(ForbiddenError):
                reader.keys.create("more", ["admin"])
        admin.keys.revoke(made.id)
        assert admin.keys.get(made.id).revoked_at
        assert "create_key" in [entry.operation for entry in admin.keys.audit().data]
    with Polarizer(url, made.key) as reader, pytest.raises(UnauthorisedError):
        reader.models.list()


def test_the_command(run: Run, locked: tuple[str, str]) -> None:
    url, key = locked
    known = {"POLARIZER_URL": url, "POLARIZER_API_KEY": key}
    made = run("keys", "create", "--name", "pipeline", "--scope", "defend", "--days", 2, **known)
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert secret
    assert secret not in made.err
    listed = run("keys", **known)
    assert "pipeline" in listed.out
    assert "good until" in listed.out
    assert secret not in listed.out
    mine = {"POLARIZER_URL": url, "POLARIZER_API_KEY": secret}
    assert run("whoami", "--json", **mine).data["scopes"] == ["defend", "read"]
    assert "defend" in run("whoami", **mine).out
    refused = run("keys", **mine)
    assert refused.code == 2
    assert "scope" in refused.err
    identifier = next(
        one["id"] for one in run("keys", "--json", **known).data if one["name"] == "pipeline"
    )
    assert run("keys", "revoke", identifier, **known).code == 0
    gone = run("status", **mine)
    assert gone.code == 2
    assert "--api-key" in gone.err
    assert secret not in gone.err


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "good"),
        ({"revoked_at": NOW}, "revoked"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW + timedelta(days=1)}, "good until "),
    ],
    ids=["good", "revoked", "expired", "until"],
)
def test_the_state_of_a_key(changes: dict[str, datetime], expected: str) -> None:
    key = Key(
        id="key_1",
        tenant="default",
        name="x",
        scopes=["read"],
        requests_per_second=None,
        created_at=NOW,
        created_by=None,
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
    ).model_copy(update=changes)
    assert state(key, NOW).startswith(expected)
