"""A model's report: that of the defense that made it, for as long as that is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from service.models import repository
from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, small_worker
from tests.service.defenses.test_endpoints import make
from tests.service.models.test_repository import DESCRIPTION
from tests.service.reports import samples
from tests.service.test_app import problem

__all__ = ["small_worker"]


def add(site: Site, folder: Path, defense_id: str | None) -> str:
    path = folder / "artefact"
    path.write_bytes(b"artefact")
    digest = hashlib.sha256(b"artefact").hexdigest()
    blob_id = site.resources.blobs.keep(path, digest, tenant="default")
    with site.resources.database.write() as session:
        return repository.add(
            session,
            tenant="default",
            name=None,
            defense_id=defense_id,
            blob_id=blob_id,
            description=DESCRIPTION,
            method="stage",
            numbers={},
        ).id


def test_it_has_every_form(small_site: Site, small_worker: Worker, tmp_path: Path) -> None:
    defense_id = make(small_site)
    stored = samples.everything().model_dump_json().encode()
    small_worker.succeed(small_worker.claim(defense_id), stored)
    model_id = add(small_site, tmp_path, defense_id)
    of_model, of_defense = f"/v1/models/{model_id}/report", f"/v1/defenses/{defense_id}/report"
    for form in ("application/json", "text/html", "text/markdown", "application/*;q=0.9"):
        headers = {"Accept": form}
        answer = small_site.client.get(of_model, headers=headers)
        same = small_site.client.get(of_defense, headers=headers)
        assert (answer.status_code, answer.content) == (200, same.content)
        assert answer.headers["content-type"] == same.headers["content-type"]
    bom = {"Accept": "application/vnd.cyclonedx+json"}
    answer = small_site.client.get(of_model, headers=bom)
    assert answer.json()["metadata"]["component"]["type"] == "machine-learning-model"
    assert f'filename="{model_id}.cdx.json"' in answer.headers["content-disposition"]


def test_it_goes_with_the_defense(small_site: Site, small_worker: Worker, tmp_path: Path) -> None:
    defense_id = make(small_site)
    small_worker.succeed(small_worker.claim(defense_id))
    model_id = add(small_site, tmp_path, defense_id)
    address = f"/v1/models/{model_id}/report"
    assert small_site.client.get(address).status_code == 200
    assert small_site.client.delete(f"/v1/defenses/{defense_id}").status_code == 204
    assert "deleted" in str(problem(small_site.client.get(address), 404, "not-found")["detail"])
