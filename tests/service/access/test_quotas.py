"""What a tenant may have: counted once, also for requests side by side; deleting gives it back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.access import quotas, repository
from service.access.callers import Act, Caller, acting
from service.access.errors import QuotaError
from service.access.limits import Limits
from service.access.scopes import EVERYTHING, Scope
from service.database import Database
from service.records import TenantRecord
from service.settings import Settings
from tests.service.access.conftest import OURS, THEIRS, MakeKey, add_key, add_tenants, with_key
from tests.service.conftest import Site, migrate, running
from tests.service.defenses.conftest import DESCRIPTION, Worker
from tests.service.test_app import problem


def limit(site: Site, tenant: str = OURS, **limits: int) -> None:
    with site.resources.database.write() as session:
        repository.get_tenant(session, tenant).limits = limits
    site.resources.access.keyring.forget()


def ask(client: httpx.Client) -> httpx.Response:
    upload = {"upload": client.post("/v1/uploads", content=b"data").json()["id"]}
    body = {"model": upload, "clean": upload, "description": DESCRIPTION}
    return client.post("/v1/defenses", json=body)


def test_so_many_defenses_wait_at_once(site: Site) -> None:
    """On both databases."""
    add_tenants(site.resources.database)
    limit(site, waiting_defenses=3)
    keys = [add_key(site.resources.database, each, Scope.DEFEND) for each in (OURS, THEIRS)]
    with with_key(site, keys[0]) as client, with_key(site, keys[1]) as other:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: ask(client), range(6)))
        made = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code != 202]
        assert len(made) == 3
        for answer in refused:
            problem(answer, 429, "quota")
            assert answer.headers["retry-after"] == str(quotas.RETRY_SECONDS)
        assert ask(other).status_code == 202, "another tenant's are not counted"
        usage = client.get("/v1/whoami").json()["usage"]
        assert usage["waiting_defenses"] == usage["defenses_today"] == 3
        client.post(f"/v1/defenses/{made[0]}/cancel").raise_for_status()
        assert ask(client).status_code == 202


def test_a_refused_defense_frees_its_idempotency_key(
    small_site: Site, make_key: MakeKey, tmp_path
) -> None:
    limit(small_site, waiting_defenses=1)
    worker = Worker(small_site.resources, tmp_path)
    with with_key(small_site, make_key(Scope.DEFEND)) as client:
        first = ask(client).json()["id"]
        upload = {"upload": client.get("/v1/uploads").json()["data"][0]["id"]}
        body = {"model": upload, "clean": upload, "description": DESCRIPTION}
        headers = {"Idempotency-Key": "again"}
        problem(client.post("/v1/defenses", json=body, headers=headers), 429, "quota")
        worker.succeed(worker.claim(first))
        again = client.post("/v1/defenses", json=body, headers=headers)
        assert again.status_code == 202
        assert "idempotent-replayed" not in again.headers


def test_idempotency_keys_are_a_tenants_own(small_site: Site, make_key: MakeKey) -> None:
    headers = {"Idempotency-Key": "build-1"}
    made = []
    for tenant in (OURS, THEIRS):
        with with_key(small_site, make_key(Scope.DEFEND, tenant=tenant)) as client:
            upload = {"upload": client.post("/v1/uploads", content=b"data").json()["id"]}
            body = {"model": upload, "clean": upload, "description": DESCRIPTION}
            made.append(client.post("/v1/defenses", json=body, headers=headers))
    assert [answer.status_code for answer in made] == [202, 202]
    assert len({answer.json()["id"] for answer in made}) == 2


@pytest.fixture
def counted(embedded: Settings):
    """Counts a defense of ours at a moment."""
    database = Database(embedded.database)
    add_tenants(database)
    limits = Limits(
        requests_per_second=0,
        request_burst=0,
        waiting_defenses=0,
        defenses_a_day=2,
        stored_bytes=0,
    )
    token = acting.set(Act("x", None, None, None, Caller(OURS, "key_1", EVERYTHING, limits)))
    yield database
    acting.reset(token)
    database.dispose()


def test_so_many_defenses_a_day(counted: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = datetime(2030, 1, 1, 23, 59, 30, tzinfo=UTC)

    def take(moment: datetime) -> None:
        monkeypatch.setattr(quotas, "now", lambda _session: moment)
        with counted.write() as session:
            quotas.take_defense(session, OURS)

    take(evening)
    take(evening)
    with pytest.raises(QuotaError, match="2 defenses a day") as raised:
        take(evening)
    assert raised.value.retry_after == 31
    take(evening + timedelta(seconds=31))
    with counted.read() as session:
        record = session.get_one(TenantRecord, OURS)
        assert (record.counted_on, record.defenses_counted) == ("2030-01-02", 1)


def test_so_many_bytes_are_stored(small_site: Site, make_key: MakeKey) -> None:
    limit(small_site, stored_bytes=1000)
    with with_key(small_site, make_key(Scope.DEFEND)) as client:
        first = client.post("/v1/uploads", content=b"a" * 600)
        assert first.status_code == 201
        again = client.post("/v1/uploads", content=b"a" * 600)
        assert again.status_code == 429, "refused by its declared length before it is read"
        refused = client.post("/v1/uploads", content=iter([b"b" * 600]))
        problem(refused, 429, "quota")
        assert "retry-after" not in refused.headers, "waiting does not help"
        usage = client.get("/v1/whoami").json()["usage"]
        assert usage["stored_bytes"] == 600, "what was refused is gone"
        assert client.post("/v1/uploads", content=b"c" * 400).status_code == 201
        files = {
            "model": ("m", b"d"),
            "clean": ("c", b"d"),
            "description": (None, json.dumps(DESCRIPTION)),
        }
        problem(client.post("/v1/defenses", files=files), 429, "quota")
        client.delete(f"/v1/uploads/{first.json()['id']}").raise_for_status()
        assert client.post("/v1/defenses", files=files).status_code == 202
    with with_key(small_site, make_key(Scope.DEFEND, tenant=THEIRS)) as other:
        assert other.post("/v1/uploads", content=b"a" * 2000).status_code == 201


def test_the_same_bytes_of_two_tenants_are_two_blobs(small_site: Site, make_key: MakeKey) -> None:
    """So that neither how long an upload takes nor what it costs tells who else has it."""
    for tenant in (OURS, OURS, THEIRS):
        with with_key(small_site, make_key(Scope.DEFEND, tenant=tenant)) as client:
            client.post("/v1/uploads", content=b"shared?").raise_for_status()
            usage = client.get("/v1/whoami").json()["usage"]
            assert usage["stored_bytes"] == len(b"shared?")
    assert len(list(small_site.resources.store.list())) == 2


def test_who_needs_no_key_has_no_quota(embedded: Settings) -> None:
    settings = embedded.model_copy(
        update={"limit_waiting_defenses": 1, "limit_defenses_a_day": 1, "limit_stored_bytes": 1}
    )
    migrate(settings)
    with running(settings) as site:
        assert [ask(site.client).status_code for _ in range(3)] == [202] * 3
