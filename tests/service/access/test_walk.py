"""The whole OpenAPI document, walked by those who must not get in, and by another tenant.

Every operation has to be in one of the tables below; one that is added without being thought about
makes these tests fail.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from polarizer.description import ModelDescription
from service.access.policy import OPEN, RULES
from service.access.scopes import GRANTS, Scope
from service.app import create_app
from service.models import repository as models
from service.retention import leaving
from service.settings import Settings
from tests.service.access.conftest import NEWCOMERS, OURS, THEIRS, add_key, with_key
from tests.service.conftest import Site
from tests.service.defenses.conftest import DESCRIPTION, Worker

IMAGE = {"headers": {"Content-Type": "image/png"}, "content": b"none"}
BODIES: dict[str, dict[str, Any]] = {
    "create_upload": {"content": b"bytes"},
    "begin_multipart": {"json": {"size": 2, "sha256": 64 * "0"}},
    "put_part": {"content": b"by"},
    "make_part_links": {"json": {"numbers": [1]}},
    "create_defense": {"json": {}},
    "create_key": {"json": {"name": "more", "scopes": ["read"]}},
    "put_name": {"json": {"model_id": "mdl_0"}},
    "switch_alarm": {"json": {"on": True}},
    "put_retention": {"json": {}},
    "create_erasure": {"json": {"confirm": ""}},
    "predict": IMAGE,
    "predict_by_name": IMAGE,
    "infer": {"json": {"inputs": []}},
    "infer_version": {"json": {"inputs": []}},
    "export_model": {"params": {"format": "safetensors"}},
}
"""What operations need to be asked at all."""

LISTS = frozenset(
    {
        "list_uploads",
        "list_multiparts",
        "list_defenses",
        "list_models",
        "list_names",
        "list_keys",
        "list_audit",
    }
    | {"repository_index", "list_webhook_secrets", "list_erasures"}
)
"""Operations that answer another tenant too, with what is its own."""
MAKES = frozenset(
    {
        "create_upload",
        "begin_multipart",
        "create_defense",
        "create_key",
        "put_name",
        "create_webhook_secret",
    }
    | {"put_retention", "create_erasure"}
)
"""Operations that make something of the caller's own; nothing of another's can be named but in
bodies, which tests below do."""
OF_ITSELF = frozenset({"whoami", "metrics", "get_retention", "export"})
NAMED = frozenset(RULES) - LISTS - MAKES - OF_ITSELF
"""Operations on one thing, which is 404 for everybody else."""


def operations() -> dict[str, tuple[str, str]]:
    """Method and path by operation."""
    document = create_app(Settings(data_dir=Path("unused"))).openapi()
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


OPERATIONS = operations()
COUNTED = frozenset({"version", "number"})
"""Parameters that are small numbers, which may stand anywhere."""
GUARDED = sorted(OPERATIONS.keys() - OPEN)


@dataclass(frozen=True)
class Belongings:
    """One of everything that a tenant may have, by the parameter's name in paths."""

    ids: dict[str, str]

    def path(self, operation: str) -> str:
        return re.sub(r"{(\w+)}", lambda found: self.ids[found[1]], OPERATIONS[operation][1])

    def seen_in(self, text: str) -> list[str]:
        return [value for key, value in self.ids.items() if key not in COUNTED and value in text]


class Asked:
    """Asks operations about one tenant's things."""

    def __init__(self, belongings: Belongings) -> None:
        self.belongings = belongings

    def by(self, client: httpx.Client, operation: str) -> httpx.Response:
        return client.request(
            OPERATIONS[operation][0],
            self.belongings.path(operation),
            follow_redirects=False,
            **BODIES.get(operation, {}),
        )


def test_every_operation_was_thought_about() -> None:
    assert OPERATIONS.keys() - OPEN == RULES.keys()
    assert set(NAMED) == {name for name in RULES if "{" in OPERATIONS[name][1]} - MAKES


@pytest.fixture(scope="module")
def asked(quiet_keys: Site, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """About everything that our tenant has."""
    folder = tmp_path_factory.mktemp("ours")
    key = add_key(quiet_keys.resources.database, OURS, Scope.ADMIN)
    with with_key(quiet_keys, key) as client:
        upload = client.post("/v1/uploads", content=b"ours").json()["id"]
        begun = client.post("/v1/multipart-uploads", json={"size": 4, "sha256": 64 * "0"})
        named = {"upload": upload}
        request = {"model": named, "clean": named, "description": DESCRIPTION}
        defense = client.post("/v1/defenses", json=request).json()["id"]
        worker = Worker(quiet_keys.resources, folder)
        worker.succeed(worker.claim(defense))
        model = add_model(quiet_keys, OURS, folder)
        client.put("/v1/names/our-signs", json={"model_id": model}).raise_for_status()
        body = {"name": "x", "scopes": ["read"]}
        other_key = client.post("/v1/keys", json=body).json()["id"]
    return Asked(
        Belongings(
            {
                "upload_id": upload,
                "multipart_id": begun.json()["id"],
                "number": "1",
                "defense_id": defense,
                "model_id": model,
                "name": "our-signs",
                "version": "1",
                "key_id": other_key,
                "erasure_id": add_erasure(quiet_keys, OURS),
            }
        )
    )


def add_erasure(site: Site, tenant: str) -> str:
    """One that is finished."""
    with site.resources.database.write() as session:
        record = leaving.ask(session, tenant, confirm=tenant)
        record.finished_at, record.sha256 = record.created_at, "0" * 64
        return record.id


def add_model(site: Site, tenant: str, folder: Path) -> str:
    path = folder / "artefact"
    path.write_bytes(b"artefact")
    digest = hashlib.sha256(b"artefact").hexdigest()
    blob_id = site.resources.blobs.keep(path, digest, tenant=tenant)
    with site.resources.database.write() as session:
        return models.add(
            session,
            tenant=tenant,
            name=None,
            defense_id=None,
            blob_id=blob_id,
            description=ModelDescription.model_validate(DESCRIPTION),
            method="stage",
            numbers={},
        ).id


@pytest.fixture(scope="module")
def stranger(quiet_keys: Site) -> Iterator[httpx.Client]:
    with with_key(quiet_keys, None) as client:
        yield client


@pytest.fixture(scope="module")
def foreigner(quiet_keys: Site) -> Iterator[httpx.Client]:
    """The admin of another tenant."""
    key = add_key(quiet_keys.resources.database, THEIRS, Scope.ADMIN)
    with with_key(quiet_keys, key) as client:
        yield client


@pytest.fixture(scope="module")
def newcomer(quiet_keys: Site) -> Iterator[httpx.Client]:
    """The admin of a tenant that has not asked for anything: its audit log names nothing yet."""
    key = add_key(quiet_keys.resources.database, NEWCOMERS, Scope.ADMIN)
    with with_key(quiet_keys, key) as client:
        yield client


@pytest.mark.parametrize("operation", GUARDED)
def test_without_a_key_nothing_is_answered(
    asked: Asked, stranger: httpx.Client, operation: str
) -> None:
    response = asked.by(stranger, operation)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert asked.belongings.seen_in(_body_without_path(response)) == []


@pytest.mark.parametrize("operation", sorted(OPEN & OPERATIONS.keys()))
def test_open_operations_tell_nothing_of_a_tenant(
    asked: Asked, stranger: httpx.Client, operation: str
) -> None:
    response = asked.by(stranger, operation)
    assert response.status_code == 200
    assert asked.belongings.seen_in(response.text) == []


@pytest.fixture(scope="module")
def of_scope(quiet_keys: Site) -> Iterator[dict[Scope, httpx.Client]]:
    """Clients of another tenant by the one scope that their key has."""
    database = quiet_keys.resources.database
    clients = {scope: with_key(quiet_keys, add_key(database, THEIRS, scope)) for scope in Scope}
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("operation", GUARDED)
def test_a_scope_opens_what_it_is_for_and_nothing_else(
    asked: Asked, of_scope: dict[Scope, httpx.Client], operation: str
) -> None:
    for scope, client in of_scope.items():
        response = asked.by(client, operation)
        if RULES[operation].scopes & GRANTS[scope]:
            assert response.status_code not in (401, 403), (scope, response.text)
        else:
            assert response.status_code == 403, scope
            named = re.search('scope="([a-z ]+)"', response.headers["www-authenticate"])
            assert named
            assert {Scope(name) for name in named[1].split()} == RULES[operation].scopes
            assert any(f"`{needed}`" in response.text for needed in RULES[operation].scopes)


@pytest.mark.parametrize("operation", sorted(NAMED))
def test_another_tenants_things_do_not_exist(
    asked: Asked, foreigner: httpx.Client, operation: str
) -> None:
    response = asked.by(foreigner, operation)
    assert response.status_code == 404, response.text
    absent = Asked(Belongings({key: _absent(key) for key in asked.belongings.ids}))
    same = absent.by(foreigner, operation)
    assert same.status_code == 404
    assert _body_without_path(response) == _body_without_path(same), "no sign that it is there"


@pytest.mark.parametrize("operation", sorted(LISTS | OF_ITSELF - {"metrics"}))
def test_nothing_of_another_tenant_is_listed(
    asked: Asked, newcomer: httpx.Client, operation: str
) -> None:
    response = asked.by(newcomer, operation)
    assert response.status_code == 200
    assert asked.belongings.seen_in(response.text) == []
    assert OURS not in response.text


def test_all_is_there_for_its_own_tenant(quiet_keys: Site, asked: Asked) -> None:
    """What the tests above did not find could be found."""
    key = add_key(quiet_keys.resources.database, OURS, Scope.ADMIN)
    with with_key(quiet_keys, key) as client:
        listed = "".join(asked.by(client, operation).text for operation in sorted(LISTS))
        assert set(asked.belongings.seen_in(listed)) == {
            value for name, value in asked.belongings.ids.items() if name not in COUNTED
        }
        for operation in ("get_upload", "get_report", "get_model", "get_name", "get_key"):
            assert asked.by(client, operation).status_code == 200


def test_another_tenants_things_cannot_be_named_in_bodies(
    asked: Asked, foreigner: httpx.Client
) -> None:
    named = {"upload": asked.belongings.ids["upload_id"]}
    body = {"model": named, "clean": named, "description": DESCRIPTION}
    refused = foreigner.post("/v1/defenses", json=body)
    nobodys = {"upload": f"upl_{26 * '0'}"}
    absent = foreigner.post("/v1/defenses", json=body | {"model": nobodys, "clean": nobodys})
    assert refused.status_code == absent.status_code == 422
    shown = refused.json()["detail"].replace(named["upload"], nobodys["upload"])
    assert shown == absent.json()["detail"]
    pointer = {"model_id": asked.belongings.ids["model_id"]}
    assert foreigner.put("/v1/names/mine", json=pointer).status_code == 404


def test_the_same_name_is_everybodys_own(
    quiet_keys: Site, asked: Asked, foreigner: httpx.Client, tmp_path: Path
) -> None:
    """Also just after the other tenant has asked by it."""
    theirs = add_model(quiet_keys, THEIRS, tmp_path)
    name = f"/v1/names/{asked.belongings.ids['name']}"
    assert foreigner.put(name, json={"model_id": theirs}).status_code == 201
    key = add_key(quiet_keys.resources.database, OURS, Scope.ADMIN)
    with with_key(quiet_keys, key) as client:
        for _ in range(2):
            for caller, model in ((client, asked.belongings.ids["model_id"]), (foreigner, theirs)):
                metadata = asked.by(caller, "model_metadata").json()
                assert metadata["parameters"]["model_id"] == model
    assert foreigner.delete(name).status_code == 204


def _absent(parameter: str) -> str:
    return {"model_id": "mdl_0", "name": "nobodys", "version": "1", "number": "1"}.get(
        parameter, "xxx_0"
    )


def _body_without_path(response: httpx.Response) -> str:
    """What an answer says but for what was asked."""
    text = response.text
    for part in response.request.url.path.split("/"):
        text = text.replace(part, "") if len(part) > 3 else text
    return re.sub('"request_id":"[^"]*"', "", text)
