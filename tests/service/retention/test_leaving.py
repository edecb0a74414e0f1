"""Who may ask for an erasure, over HTTP and at the host, and where the proof of it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from service.access.scopes import Scope
from service.app import build
from service.errors import ConflictError, InvalidRequestError, NotFoundError
from service.resources import Resources
from service.retention import certificates, endpoints, leaving
from service.retention.erasing import Eraser
from service.settings import Settings
from tests.service.access.conftest import MakeKey, with_key
from tests.service.access.conftest import make_key as make_key  # the fixture
from tests.service.conftest import Site
from tests.service.retention.conftest import ACME, OTHERS, Shelf
from tests.service.retention.erasures import ask, fill, left
from tests.service.test_main import run as run  # the fixture
from tests.waiting import wait_until


def test_nobody_is_erased_by_mistake(shelf: Shelf) -> None:
    with shelf.resources.database.write() as session:
        for confirm in ("", OTHERS, ACME.upper()):
            with pytest.raises(InvalidRequestError):
                leaving.ask(session, ACME, confirm=confirm)
        with pytest.raises(NotFoundError):
            leaving.ask(session, "nobody", confirm="nobody")
        with pytest.raises(NotFoundError):
            leaving.get(session, OTHERS, "era_0")


def test_a_tenant_asks_and_reads_the_proof(small_site: Site, make_key: MakeKey) -> None:
    resources = small_site.resources
    with with_key(small_site, make_key(Scope.ADMIN)) as admin:
        admin.post("/v1/uploads", content=b"mine").raise_for_status()
        assert admin.post("/v1/erasures", json={"confirm": "theirs"}).status_code == 422
        asked = admin.post("/v1/erasures", json={"confirm": "ours"})
        assert asked.status_code == 202
        where = asked.headers["location"]
        assert where == f"/v1/erasures/{asked.json()['id']}"
        assert asked.json()["requested_by"] == admin.get("/v1/whoami").json()["key_id"]
        done = wait_until(lambda: finished(admin, where, resources))
        assert admin.get("/v1/erasures").json()["data"] == [done]
        proof = admin.get(f"{where}/certificate")
        assert proof.headers["content-type"] == certificates.MEDIA_TYPE
        assert hashlib.sha256(proof.content).hexdigest() == done["sha256"]
        assert len(proof.text.splitlines()) == done["deleted"] + 1
        assert admin.get("/v1/uploads").json()["data"] == []
        targets = [entry["target"] for entry in admin.get("/v1/audit").json()["data"]]
        assert f"{done['id']} sha256:{done['sha256']}" in targets


def finished(admin: httpx.Client, where: str, resources: Resources) -> dict[str, Any] | None:
    """Goes on with it, as the service does too."""
    Eraser(resources.database, resources.store).advance_all()
    found: dict[str, Any] = admin.get(where).json()
    return found if found["finished_at"] else None


def test_there_is_no_proof_before_the_end(shelf: Shelf) -> None:
    erasure = ask(shelf)
    with pytest.raises(ConflictError):
        endpoints.get_certificate(erasure, shelf.resources, ACME)


def test_the_operator_exports_and_erases(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("migrate").exit_code == 0
    resources = build(Settings(data_dir=tmp_path / "data"))
    shelf = Shelf(resources, tmp_path)
    shelf.tenant(ACME)
    fill(shelf)
    assert run("tenants", "export", ACME, "--out", "all.tar").exit_code == 0
    assert b"SHA256SUMS" in (tmp_path / "all.tar").read_bytes()
    assert run("tenants", "export", "nobody", "--out", "no.tar").exit_code == 2
    assert run("tenants", "erase", ACME, "--confirm", "acme?").exit_code == 2
    assert left(shelf)["uploads"] == 2
    arguments = ("tenants", "erase", ACME, "--confirm", ACME, "--everything", "--out", "proof")
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    proof = (tmp_path / "proof").read_bytes()
    assert told["sha256"] == hashlib.sha256(proof).hexdigest()
    assert left(shelf) == {"audit": 1}
    resources.database.dispose()
