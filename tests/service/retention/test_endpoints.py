"""``/v1/retention``, and the operator's commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from service.access.scopes import Scope
from service.app import build
from service.records import UploadRecord
from service.retention.periods import MOST_DAYS
from service.settings import Settings
from tests.service.access.conftest import OURS, MakeKey, add_key, with_key
from tests.service.access.conftest import make_key as make_key  # fixtures
from tests.service.conftest import Site
from tests.service.retention.conftest import ACME, Shelf
from tests.service.test_main import run as run  # the fixture

SETTINGS = {
    "uploads_days": 0,
    "defenses_days": 0,
    "models_days": 0,
    "events_days": 0,
    "audit_days": 365,
}
SILENT = dict.fromkeys(("uploads_days", "defenses_days", "models_days", "events_days"))


def test_a_tenant_says_how_long(small_site: Site, make_key: MakeKey) -> None:
    with with_key(small_site, make_key(Scope.ADMIN)) as admin:
        assert admin.get("/v1/retention").json() == {"periods": SETTINGS, "own": SILENT}
        answer = admin.put("/v1/retention", json={"uploads_days": 30, "models_days": 0})
        own = SILENT | {"uploads_days": 30, "models_days": 0}
        assert answer.json() == {"periods": SETTINGS | {"uploads_days": 30}, "own": own}
        assert admin.get("/v1/retention").json() == answer.json()
        assert admin.put("/v1/retention", json={}).json()["own"] == SILENT
        operations = [entry["operation"] for entry in admin.get("/v1/audit").json()["data"]]
        assert operations == ["put_retention"] * 2
    reader_key = add_key(small_site.resources.database, OURS, Scope.DEFEND)
    with with_key(small_site, reader_key) as reader:
        assert reader.get("/v1/retention").json()["own"] == SILENT
        assert reader.put("/v1/retention", json={}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"audit_days": 1},
        {"uploads_days": -1},
        {"uploads_days": MOST_DAYS + 1},
        {"models_days": 0.5},
        {"x": 1},
        [],
    ],
    ids=str,
)
def test_what_cannot_be_said(small_site: Site, body: object) -> None:
    assert small_site.client.put("/v1/retention", json=body).status_code == 422
    assert small_site.client.get("/v1/retention").json()["own"] == SILENT


# At the host


def test_a_plan_and_a_sweep(run: Callable[..., Result], tmp_path: Path) -> None:
    def done(*arguments: str) -> list[dict[str, Any]]:
        result = run(*arguments)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    done("migrate")
    resources = build(Settings(data_dir=tmp_path / "data"))
    shelf = Shelf(resources, tmp_path)
    shelf.tenant(ACME)
    upload, model = shelf.upload(11), shelf.model(11)
    shelf.name("signs", model)
    assert done("retention", "plan") == []
    done("tenants", "keep", ACME, "--uploads-days", "10", "--models-days", "10")
    left, gone = done("retention", "plan", "--tenant", ACME)
    assert (gone["kind"], gone["id"], gone["removed"]) == ("uploads", upload, True)
    assert gone["kept_because"] is None
    assert (left["id"], left["removed"]) == (model, False)
    assert left["kept_because"] == "the name 'signs' points at it"
    assert done("retention", "plan", "--tenant", "default") == []
    assert shelf.ids(UploadRecord) == {upload}, "a plan changes nothing"
    assert done("retention", "sweep") == [{"uploads": 1}]
    assert shelf.ids(UploadRecord) == set()
    assert done("tenants", "keep", ACME) == []
    assert done("retention", "plan") == []
    assert "no tenant" in run("retention", "plan", "--tenant", "nobody").stderr
    assert run("tenants", "keep", ACME, "--audit-days", "0").exit_code == 2
    resources.database.dispose()
