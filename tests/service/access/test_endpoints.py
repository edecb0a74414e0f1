"""Keys by HTTP: made, shown once, used, revoked; limits that callers see."""

from __future__ import annotations

import json

import httpx
import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.access import service, tokens
from service.access.scopes import Scope
from service.records import KeyRecord
from service.settings import Settings
from tests.service.access.conftest import OURS, THEIRS, MakeKey, add_key, add_tenants, with_key
from tests.service.conftest import Site, running
from tests.service.test_app import problem

NEW = {"name": "pipeline", "scopes": ["defend"]}


@pytest.fixture
def admin(small_site: Site, make_key: MakeKey) -> httpx.Client:
    with with_key(small_site, make_key(Scope.ADMIN)) as client:
        yield client


def test_a_key_is_shown_once_and_kept_as_a_hash(small_site: Site, admin: httpx.Client) -> None:
    made = admin.post("/v1/keys", json=NEW | {"expires_at": "2099-01-01T00:00:00+02:00"})
    assert made.status_code == 201
    body = made.json()
    key = body.pop("key")
    assert made.headers["location"] == f"/v1/keys/{body['id']}"
    assert body["expires_at"] == "2098-12-31T22:00:00Z"
    assert body["scopes"] == ["defend"]
    assert body["tenant"] == OURS
    assert body["created_by"] == admin.get("/v1/whoami").json()["key_id"]
    assert admin.get(made.headers["location"]).json() == body
    listed = admin.get("/v1/keys")
    assert listed.json()["data"][0] == body
    secret = key.split("_")[2]
    assert secret not in listed.text + admin.get("/v1/audit").text
    with small_site.resources.database.read() as session:
        record = session.get_one(KeyRecord, body["id"])
        kept = json.dumps({name: str(value) for name, value in vars(record).items()})
    assert secret not in kept
    assert record.secret_sha256 == tokens.digest(key)
    files = [path.read_bytes() for path in small_site.settings.data_dir.glob("polarizer.db*")]
    assert not any(secret.encode() in content for content in files)


def test_a_key_works_until_it_is_revoked(small_site: Site, admin: httpx.Client) -> None:
    made = admin.post("/v1/keys", json=NEW).json()
    with with_key(small_site, made["key"]) as client:
        myself = client.get("/v1/whoami").json()
        assert (myself["tenant"], myself["key_id"]) == (OURS, made["id"])
        assert myself["scopes"] == ["defend", "read"]
        assert client.get("/v1/keys").status_code == 403
        for _ in range(2):
            assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
        problem(client.get("/v1/whoami"), 401, "unauthorized")
    shown = admin.get(f"/v1/keys/{made['id']}").json()
    assert shown["revoked_at"]
    small_site.resources.access.write_down()
    assert admin.get(f"/v1/keys/{made['id']}").json()["last_used_at"]


def test_the_first_key_closes_the_door(small_site: Site) -> None:
    client = small_site.client
    assert client.get("/v1/whoami").json() == {
        "tenant": "default",
        "key_id": None,
        "scopes": ["admin", "defend", "infer", "metrics", "read"],
        "limits": None,
        "requests_per_second": None,
        "usage": {"waiting_defenses": 0, "defenses_today": 0, "stored_bytes": 0},
    }
    upload = client.post("/v1/uploads", content=b"before").json()["id"]
    key = client.post("/v1/keys", json={"name": "first", "scopes": ["admin"]}).json()["key"]
    problem(client.get("/v1/whoami"), 401, "unauthorized")
    for open_path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/v2", "/v2/health/ready"):
        assert client.get(open_path).status_code == 200
    with with_key(small_site, key) as first:
        assert first.get(f"/v1/uploads/{upload}").status_code == 200, "still the same tenant"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": ["metrics"]},
        {"scopes": "read"},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00"},
        {"requests_per_second": 0},
        {"tenant": THEIRS},
        {"key": "np_mine"},
    ],
    ids=json.dumps,
)
def test_nonsense_makes_no_key(quiet_keys: Site, wrong: dict[str, object]) -> None:
    with with_key(quiet_keys, add_key(quiet_keys.resources.database, OURS, Scope.ADMIN)) as admin:
        before = admin.get("/v1/keys").json()
        problem(admin.post("/v1/keys", json=NEW | wrong), 422, "invalid-request")
        assert admin.get("/v1/keys").json() == before


def test_a_tenant_has_so_many_keys_at_most(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_KEYS", 2)
    made = admin.post("/v1/keys", json=NEW).json()
    problem(admin.post("/v1/keys", json=NEW), 409, "conflict")
    admin.delete(f"/v1/keys/{made['id']}").raise_for_status()
    assert admin.post("/v1/keys", json=NEW).status_code == 201


def test_refusals_come_before_the_body_is_read(small_site: Site, make_key: MakeKey) -> None:
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    with with_key(small_site, make_key(Scope.READ)) as reader:
        problem(reader.post("/v1/keys", **broken), 403, "forbidden")
        problem(reader.post("/v1/defenses", **broken), 403, "forbidden")
    problem(small_site.client.post("/v1/keys", **broken), 401, "unauthorized")


def test_the_protocols_own_client_sends_keys(small_site: Site, make_key: MakeKey) -> None:
    headers = {"Authorization": f"Bearer {make_key(Scope.INFER)}"}
    host, port = small_site.host()
    client = InferenceServerClient(f"{host}:{port}")
    assert client.is_server_live()
    with pytest.raises(InferenceServerException, match="asks for a key"):
        client.get_model_repository_index()
    assert client.get_model_repository_index(headers=headers) == []
    assert not client.is_model_ready("none", headers=headers)
    client.close()


def test_metrics_are_the_operators(small_site: Site, make_key: MakeKey) -> None:
    with with_key(small_site, make_key(Scope.ADMIN)) as client:
        problem(client.get("/metrics"), 403, "forbidden")
    with with_key(small_site, make_key(Scope.METRICS)) as client:
        assert "polarizer_http_requests_total" in client.get("/metrics").text
        assert client.get("/v1/models").status_code == 403


# Limits


def test_a_tenant_is_told_how_often_it_may_ask(embedded: Settings) -> None:
    settings = embedded.model_copy(
        update={"limit_requests_per_second": 0.01, "limit_request_burst": 3}
    )
    with running(settings) as site:
        add_tenants(site.resources.database)
        keys = [add_key(site.resources.database, OURS, Scope.READ) for _ in range(2)]
        theirs = add_key(site.resources.database, THEIRS, Scope.READ)
        with with_key(site, keys[0]) as first, with_key(site, keys[1]) as second:
            answer = first.get("/v1/models")
            assert answer.headers["ratelimit-policy"] == '"tenant";q=3;w=300'
            assert answer.headers["ratelimit"] == '"tenant";r=2;t=100'
            assert second.get("/v1/models").status_code == 200
            assert first.get("/v1/models").status_code == 200
            refused = second.get("/v1/models")
            problem(refused, 429, "rate-limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 100
            assert refused.headers["ratelimit"].startswith('"tenant";r=0;')
            assert first.get("/healthz").status_code == 200
        with with_key(site, theirs) as other:
            assert other.get("/v1/models").status_code == 200


def test_a_key_may_have_less_than_its_tenant(small_site: Site, make_key: MakeKey) -> None:
    with with_key(small_site, make_key(Scope.READ, requests_per_second=0.01)) as client:
        assert client.get("/v1/models").headers["ratelimit-policy"] == '"key";q=1;w=100'
        refused = problem(client.get("/v1/models"), 429, "rate-limited")
        assert "this key may ask 0.01 times a second" in str(refused["detail"])
    with with_key(small_site, make_key(Scope.READ)) as client:
        assert client.get("/v1/models").status_code == 200


def test_who_needs_no_key_has_no_limit(embedded: Settings) -> None:
    settings = embedded.model_copy(
        update={"limit_requests_per_second": 0.001, "limit_request_burst": 1}
    )
    with running(settings) as site:
        for _ in range(5):
            answer = site.client.get("/v1/models")
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers
