"""How many statements a request makes, and how many exchanges with PostgreSQL: these are most of
what a small request costs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS
from sqlalchemy import event

from service import answering
from service.access.callers import ANONYMOUS, Act, Caller, acting
from service.access.limits import Limits
from service.defenses import service
from service.defenses.drafts import Draft
from service.defenses.schemas import DefenseRequest
from service.resources import Resources
from service.uploads import repository as uploads
from tests.service.conftest import STACKS, Site
from tests.service.defenses.conftest import DESCRIPTION, body, upload

Statements = list[tuple[str, Any]]
on_servers = pytest.mark.parametrize("stack", STACKS[1:], indirect=True)


@pytest.fixture
def statements(site: Site) -> Iterator[Statements]:
    """Those of requests, not of housekeeping, with their parameters; without the BEGIN that
    SQLite's driver is given."""
    seen: Statements = []

    def note(
        _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if acting.get() is not None and not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

    event.listen(site.resources.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(site.resources.database.engine, "before_cursor_execute", note)


def test_a_create_finds_its_uploads_and_writes_once(site: Site, statements: Statements) -> None:
    more = {role: {"upload": upload(site)} for role in ("test", "triggered")}
    sent = body(site, name="mine", target_class=1, **more)
    for _ in range(2):
        statements.clear()
        assert site.client.post("/v1/defenses", json=sent).status_code == 202
        (uploads, _), *written = statements
        assert "FROM uploads" in uploads
        if site.resources.database.engine.dialect.name == "postgresql":
            ((at_once, parameters),) = written
            tables = ("defenses", "defense_inputs", "events", "audit")
            assert all(f"INSERT INTO {table} " in at_once for table in tables)
            # psycopg remembers how it writes a statement only if that is not too large
            assert len(parameters) <= MAX_CACHED_STATEMENT_PARAMS
            assert len(at_once) <= MAX_CACHED_STATEMENT_LENGTH
        else:  # nothing lies between it and its file
            assert len(written) == 8


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that an answer of PostgreSQL is waited for."""
    seen: list[None] = []
    bounded = answering._until

    def watched(
        deadline: float, exchange: Generator[Any, Any, Any], close: Callable[[], None]
    ) -> Generator[Any, Any, Any]:
        watching = bounded(deadline, exchange, close)
        try:
            wanted = next(watching)
            seen.append(None)
            while True:
                wanted = watching.send((yield wanted))
        except StopIteration as done:
            return done.value

    monkeypatch.setattr(answering, "_until", watched)
    monkeypatch.setattr(answering, "FRESH", 3600.0)  # no connection is asked whether it lives
    return seen


def draft(resources: Resources, make_file: Callable[[bytes], Path]) -> Draft:
    """A request that names uploads, which are there."""
    named = {}
    for role in ("model", "clean"):
        path, digest = make_file(role.encode()), hashlib.sha256(role.encode()).hexdigest()
        blob = resources.blobs.keep(path, digest, tenant="default")
        with resources.database.write() as session:
            added = uploads.add(session, tenant="default", blob_id=blob, filename=None)
            named[role] = {"upload": added.id}
    return Draft(DefenseRequest.model_validate({**named, "description": DESCRIPTION}), {})


LIMITS = Limits(
    requests_per_second=0, request_burst=0, waiting_defenses=9, defenses_a_day=0, stored_bytes=0
)


@on_servers
@pytest.mark.parametrize(
    ("limits", "key", "count"),
    [
        pytest.param(None, None, 2, id="alone"),
        pytest.param(LIMITS, None, 7, id="limited"),
        pytest.param(None, "key", 8, id="with a key"),
    ],
)
def test_exchanges_of_a_create(
    resources: Resources,
    make_file: Callable[[bytes], Path],
    exchanges: list[None],
    limits: Limits | None,
    key: str | None,
    count: int,
) -> None:
    sent = draft(resources, make_file)
    caller = Caller("default", None, ANONYMOUS.scopes, limits)
    token = acting.set(Act("create_defense", None, None, None, caller))
    try:
        for number in range(2):
            exchanges.clear()
            service.create(resources, "default", sent, key and f"{key} {number}")
            assert len(exchanges) == count
    finally:
        acting.reset(token)


@on_servers
@pytest.mark.parametrize("shared", [False, True], ids=["the only one", "one of two"])
def test_an_upload_that_is_deleted_in_between(
    site: Site, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Without a lock: a defense has its inputs, or there is none."""
    sent = body(site)
    if shared:
        upload(site, b"model")
    find = uploads.find_all

    def deleted_after(*args: Any, **more: Any) -> Any:
        found = find(*args, **more)
        gone = site.client.delete(f"/v1/uploads/{sent['model']['upload']}")
        assert gone.status_code == 204
        return found

    monkeypatch.setattr(uploads, "find_all", deleted_after)
    answer = site.client.post("/v1/defenses", json=sent)
    listed = site.client.get("/v1/defenses").json()["data"]
    if answer.status_code == 202:
        (made,) = listed
        assert made["inputs"]["model"]["size"] == len(b"model")
    else:
        assert (answer.status_code, listed) == (503, [])
        assert "deleted meanwhile" in answer.json()["detail"]
    assert (answer.status_code == 202) is shared
