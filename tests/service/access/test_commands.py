"""What the operator does on the host: tenants, first keys, the audit log; and when to listen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from service.access import repository, tokens
from service.access.opening import NobodyCouldComeError, require_somebody
from service.access.scopes import Scope
from service.database import Database
from service.settings import Settings
from tests.service.access.conftest import OURS, add_key, add_tenants
from tests.service.conftest import migrate
from tests.service.test_main import run as run  # the fixture

Run = Callable[..., Result]


@pytest.fixture
def host(run: Run) -> Run:
    """A command on a migrated database that must succeed."""
    assert run("migrate").exit_code == 0

    def done(*arguments: str) -> Result:
        result = run(*arguments)
        assert result.exit_code == 0, result.stderr
        return result

    return done


def rows(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_first_key(host: Run, tmp_path: Path) -> None:
    made = host("keys", "create", "--scope", "admin", "--name", "first", "--days", "30")
    token = tokens.parse(made.stdout.strip())
    assert token, "the key alone, so that it can be piped"
    (listed,) = rows(host("keys", "list"))
    assert listed["id"] == token.key_id
    assert (listed["tenant"], listed["name"], listed["scopes"]) == ("default", "first", ["admin"])
    assert listed["expires_at"]
    assert made.stdout.strip() not in host("keys", "list").output
    host("keys", "revoke", token.key_id)
    assert rows(host("keys", "list"))[0]["revoked_at"]
    logged = [(each["operation"], each["target"]) for each in rows(host("audit", "list"))]
    assert logged == [("revoke_key", token.key_id), ("create_key", token.key_id)]


def test_tenants_and_their_limits(host: Run) -> None:
    host("tenants", "create", "acme")
    host("tenants", "limit", "acme", "--waiting-defenses", "1", "--stored-bytes", "0")
    listed = {str(each["tenant"]): each["limits"] for each in rows(host("tenants", "list"))}
    assert set(listed) == {"acme", "default"}
    assert listed["acme"] == listed["default"] | {"waiting_defenses": 1, "stored_bytes": 0}
    host("tenants", "limit", "acme")
    listed = {str(each["tenant"]): each["limits"] for each in rows(host("tenants", "list"))}
    assert listed["acme"] == listed["default"]
    host("keys", "create", "--tenant", "acme", "--scope", "infer", "--scope", "read")
    (key,) = rows(host("keys", "list", "--tenant", "acme"))
    assert key["scopes"] == ["infer", "read"]
    assert rows(host("keys", "list", "--tenant", "default")) == []
    assert {each["tenant"] for each in rows(host("audit", "list"))} == {"acme"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keys", "create", "--scope", "admin", "--tenant", "nobody"], "no tenant 'nobody'"),
        (["keys", "create"], "--scope"),
        (["keys", "create", "--scope", "root"], "root"),
        (["keys", "revoke", "key_0"], "no key 'key_0'"),
        (["tenants", "create", "default"], "already"),
        (["tenants", "create", "No/Such"], "no name of a tenant"),
        (["tenants", "limit", "nobody", "--stored-bytes", "1"], "no tenant"),
        (["tenants", "limit", "default", "--stored-bytes", "-1"], "stored"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_said(run: Run, arguments: list[str], says: str) -> None:
    run("migrate")
    done = run(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unmigrated_database_is_said(run: Run) -> None:
    done = run("keys", "list")
    assert done.exit_code == 1
    assert "python -m service migrate" in done.stderr


# When to listen


@pytest.fixture
def database(embedded: Settings) -> Iterator[Database]:
    database = Database(embedded.database)
    add_tenants(database)
    yield database
    database.dispose()


OUTSIDE = {"host": "0.0.0.0"}


@pytest.mark.parametrize(
    ("changes", "alone", "with_a_key"),
    [
        ({}, True, True),
        ({"require_keys": True}, False, True),
        ({"require_keys": False}, True, True),
        (OUTSIDE, False, True),
        (OUTSIDE | {"host": "::"}, False, True),
        (OUTSIDE | {"require_keys": False}, False, False),
        (OUTSIDE | {"require_keys": False, "allow_anonymous": True}, True, True),
        (OUTSIDE | {"allow_anonymous": True}, True, True),
        (OUTSIDE | {"allow_anonymous": True, "require_keys": True}, False, True),
    ],
    ids=str,
)
def test_nobody_listens_for_nobody(
    embedded: Settings,
    database: Database,
    changes: dict[str, object],
    alone: bool,
    with_a_key: bool,
) -> None:
    settings = embedded.model_copy(update=changes)

    def may_listen() -> bool:
        try:
            require_somebody(settings)
        except NobodyCouldComeError:
            return False
        return True

    assert may_listen() is alone
    key = tokens.parse(add_key(database, OURS, Scope.INFER))
    assert key
    assert may_listen() is with_a_key
    with database.write() as session:
        repository.revoke(session, repository.get(session, None, key.key_id))
    assert may_listen() is alone, "a key that nobody can use is none"


def test_looking_for_keys_makes_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", host="0.0.0.0")
    with pytest.raises(NobodyCouldComeError, match="keys create --scope admin"):
        require_somebody(settings)
    assert list(tmp_path.iterdir()) == []


def test_an_unmigrated_database_holds_no_key(stack: Settings) -> None:
    settings = stack.model_copy(update=OUTSIDE)
    with pytest.raises(NobodyCouldComeError):
        require_somebody(settings)
    migrate(settings)
    with pytest.raises(NobodyCouldComeError):
        require_somebody(settings)
