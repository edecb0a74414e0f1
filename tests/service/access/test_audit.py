"""Who did what: with the change or not at all, refusals too, and no secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from service.access import audit
from service.access.audit import REFUSALS_AT_ONCE, Audit
from service.access.callers import Act, Caller, acting, operator
from service.access.scopes import EVERYTHING, Scope
from service.database import Database, now
from service.names import repository as names
from service.names import service as name_service
from service.records import AuditRecord, NameRecord
from service.settings import Settings
from tests.service.access.conftest import (
    OURS,
    THEIRS,
    Clock,
    MakeKey,
    add_key,
    add_tenants,
    with_key,
)
from tests.service.conftest import Site


def entries(database: Database, tenant: str | None = OURS) -> list[AuditRecord]:
    with database.read() as session:
        return list(audit.page(session, tenant, after=None, limit=1000)[0])


def told(client: httpx.Client) -> list[tuple[str, str | None, int]]:
    data = client.get("/v1/audit?limit=100").json()["data"]
    return [(each["operation"], each["target"], each["status"]) for each in reversed(data)]


def test_changes_and_refusals_are_told(site: Site) -> None:
    """On both databases."""
    add_tenants(site.resources.database)
    admin_key = add_key(site.resources.database, OURS, Scope.ADMIN)
    with with_key(site, admin_key) as admin:
        made = admin.post(
            "/v1/keys", json={"name": "x", "scopes": ["read"]}, headers={"X-Request-ID": "my-own"}
        ).json()
        upload = admin.post("/v1/uploads", content=b"x").json()["id"]
        admin.get(f"/v1/uploads/{upload}").raise_for_status()
        with with_key(site, made["key"]) as reader:
            assert reader.delete(f"/v1/uploads/{upload}").status_code == 403
            reader.get("/v1/uploads").raise_for_status()
        admin.delete(f"/v1/uploads/{upload}").raise_for_status()
        assert admin.delete(f"/v1/uploads/{upload}").status_code == 404
        assert admin.post("/v1/defenses", json={}).status_code == 422
        assert admin.put("/v1/names/%00%C3%A9", json={"model_id": "m"}).status_code == 422
        admin.delete(f"/v1/keys/{made['id']}").raise_for_status()
        with with_key(site, made["key"]) as reader:
            assert reader.get("/v1/uploads").status_code == 401
        assert told(admin) == [
            ("create_key", made["id"], 201),
            ("create_upload", upload, 201),
            ("delete_upload", upload, 403),
            ("delete_upload", upload, 204),
            ("delete_upload", upload, 404),
            ("create_defense", None, 422),
            ("put_name", "??", 422),
            ("revoke_key", made["id"], 204),
            ("list_uploads", None, 401),
        ]
        first, *_, last = reversed(admin.get("/v1/audit").json()["data"])
        assert first["request_id"] == "my-own"
        assert first["address"] == "127.0.0.1"
        assert first["key_id"] == admin.get("/v1/whoami").json()["key_id"]
        assert last["key_id"] == made["id"], "it was this key once"


def test_pages_follow_one_another(small_site: Site, make_key: MakeKey) -> None:
    with with_key(small_site, make_key(Scope.ADMIN)) as admin:
        for _ in range(5):
            admin.post("/v1/uploads", content=b"x").raise_for_status()
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = admin.get("/v1/audit", params={"limit": 2, **after}).json()
            seen += [entry["id"] for entry in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": seen[-1]}
        assert len(seen) == len(set(seen)) == 5
        assert seen == sorted(seen, reverse=True)


def test_strangers_are_the_operators_to_see(small_site: Site, make_key: MakeKey) -> None:
    key = make_key(Scope.ADMIN)
    small_site.client.get("/v1/uploads")
    with with_key(small_site, key[:-1] + "x") as forger:
        forger.get("/v1/models")
    with with_key(small_site, key) as admin:
        assert told(admin) == []
    found = entries(small_site.resources.database, None)
    assert [(each.tenant, each.key_id, each.status) for each in found] == [(None, None, 401)] * 2


def test_no_secret_is_kept(small_site: Site, make_key: MakeKey) -> None:
    with with_key(small_site, make_key(Scope.ADMIN)) as admin:
        made = admin.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).json()
        admin.put("/v1/names/" + made["key"], json={"model_id": "mdl_0"})
        small_site.resources.access.write_down()
        kept = [str(vars(entry)) for entry in entries(small_site.resources.database)]
    assert len(kept) == 2
    assert made["key"].split("_")[2] not in "".join(kept)


@pytest.fixture
def named(embedded: Settings) -> Iterator[Database]:
    """A name of ours."""
    database = Database(embedded.database)
    add_tenants(database)
    with database.write() as session:
        names.add(session, OURS, "signs")
    yield database
    database.dispose()


def test_a_change_and_its_entry_come_together(named: Database) -> None:
    with operator("delete_name", OURS):
        name_service.remove(named, OURS, "signs")
    (entry,) = entries(named)
    assert (entry.operation, entry.target, entry.status) == ("delete_name", "signs", 204)
    assert (entry.key_id, entry.address) == (None, None)


def test_a_change_that_is_undone_leaves_no_entry(named: Database) -> None:
    act = Act("delete_name", None, None, None, Caller(OURS, None, EVERYTHING))
    with pytest.raises(RuntimeError), named.write() as session:  # noqa: PT012
        token = acting.set(act)
        try:
            names.remove(session, OURS, "signs")
            audit.note(session, "signs", 204)
        finally:
            acting.reset(token)
        session.flush()
        raise RuntimeError
    assert entries(named) == []
    assert not act.noted, "so that its failure is noted instead"
    with named.read() as session:
        assert session.get(NameRecord, (OURS, "signs"))


def test_what_a_worker_does_is_nobodys_act(named: Database) -> None:
    name_service.remove(named, OURS, "signs")
    assert entries(named, None) == []


def refusal(tenant: str | None) -> Act:
    caller = Caller(tenant, "key_1", EVERYTHING) if tenant else None
    return Act("list_models", None, "192.0.2.1", "r", caller)


def test_nobody_fills_the_table_by_being_refused(named: Database, clock: Clock) -> None:
    log = Audit(named, clock)
    for _ in range(10 * REFUSALS_AT_ONCE):
        log.later(refusal(None), 401)
    log.later(refusal(THEIRS), 403)
    with capture_logs() as logs:
        log.flush()
    assert logs == [
        {"event": "audit_entries_dropped", "count": 9 * REFUSALS_AT_ONCE, "log_level": "warning"}
    ]
    assert len(entries(named, None)) == REFUSALS_AT_ONCE + 1
    assert len(entries(named, THEIRS)) == 1, "another tenant has its own share"
    clock.now += 1
    log.later(refusal(None), 401)
    log.flush()
    assert len(entries(named, None)) == REFUSALS_AT_ONCE + 2


def test_old_entries_go(named: Database) -> None:
    log = Audit(named)
    for _ in range(3):
        log.later(refusal(OURS), 403)
    log.flush()
    with named.write() as session:
        oldest = session.get_one(AuditRecord, entries(named)[-1].id)
        oldest.created_at = now(session) - timedelta(days=31)
    assert log.forget(days=30) == 1
    assert len(entries(named)) == 2
