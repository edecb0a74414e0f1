"""The same defense again: answered from the record, for the same tenant, code and files only."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polarizer.description import ModelDescription
from service.defenses import lifecycle, repeating, service
from service.defenses.drafts import Draft
from service.defenses.schemas import DefenseRequest
from service.ids import new_id
from service.models import repository as models
from service.records import DefenseRecord, InputRecord
from tests.service.conftest import Site
from tests.service.defenses.conftest import DESCRIPTION, Worker, body, submit, upload


class RealWorker(Worker):
    """Ends a defense as a real one does: with a model, and what it was made from."""

    def make(self, defense_id: str, digests: dict[str, str] | None = None) -> str:
        lease = self.claim(defense_id)
        artefact = self.folder / "artefact"
        artefact.write_bytes(b"artefact")
        digest = hashlib.sha256(b"artefact").hexdigest()
        blob_id = self.resources.blobs.keep(artefact, digest, tenant="default")
        self.succeed(lease, b'{"of": "the first"}', accuracy_after=0.5)
        with self.resources.database.write() as session:
            record = session.get_one(DefenseRecord, defense_id)
            seen = digests or {each.role: str(each.sha256) for each in record.inputs}
            record.fingerprint = repeating.fingerprint(record.request, seen)
            return models.add(
                session,
                tenant=record.tenant,
                name=record.name,
                defense_id=record.id,
                blob_id=blob_id,
                description=ModelDescription.model_validate(DESCRIPTION),
                method="stage",
                numbers={"accuracy_after": 0.5},
            ).id


@pytest.fixture
def real(site: Site, tmp_path: Path) -> RealWorker:
    return RealWorker(site.resources, tmp_path)


def test_it_has_succeeded_at_once(site: Site, real: RealWorker) -> None:
    first = submit(site, name="first").json()
    model = real.make(first["id"])
    answer = submit(site, name="second")
    again = answer.json()
    assert answer.status_code == 202
    assert "retry-after" not in answer.headers
    assert again["status"] == "succeeded"
    assert again["answered_from"] == first["id"]
    assert again["id"] != first["id"]
    assert again["model_id"] not in (None, model)
    assert again["numbers"]["accuracy_after"] == 0.5
    assert site.client.get(answer.headers["location"]).json() == again
    mine, theirs = (
        site.client.get(f"/v1/models/{each}").json() for each in (again["model_id"], model)
    )
    assert (mine["sha256"], mine["name"]) == (theirs["sha256"], "second")
    assert mine["defense_id"] == again["id"]
    report = site.client.get(f"/v1/defenses/{again['id']}/report")
    assert report.content == site.client.get(f"/v1/defenses/{first['id']}/report").content
    events = site.client.get(f"/v1/defenses/{again['id']}/events").json()["data"]
    states = [event["data"]["status"] for event in events]
    assert states == ["queued", "running", "succeeded"]
    assert [event["sequence"] for event in events] == [1, 2, 3]


def test_it_outlives_what_it_repeats(site: Site, real: RealWorker) -> None:
    """A repetition of a repetition, too."""
    first = submit(site).json()
    model = real.make(first["id"])
    second = submit(site).json()
    assert site.client.delete(f"/v1/models/{model}").status_code == 204
    assert site.client.delete(f"/v1/defenses/{first['id']}").status_code == 204
    third = submit(site).json()
    assert third["answered_from"] == second["id"]
    for each in (second, third):
        file = site.client.get(f"/v1/models/{each['model_id']}/file", follow_redirects=False)
        assert file.status_code in (200, 307)  # a store of its own is asked for it
        assert site.client.get(f"/v1/defenses/{each['id']}/report").status_code == 200


def test_what_differs_is_made(site: Site, real: RealWorker) -> None:
    real.make(submit(site).json()["id"])
    seed: dict[str, Any] = {"config": {"seed": 7}}
    another = {"clean": {"upload": upload(site, b"other images")}}
    more = {"test": {"upload": upload(site, b"clean")}}
    for change in (seed, another, more, {"evidence": None}, {"fresh": True}):
        made = submit(site, **change).json()
        assert (made["status"], made["answered_from"]) == ("queued", None), change
    assert submit(site).json()["status"] == "succeeded"


def test_who_asked_does_not_matter_but_whose_it_is(site: Site, real: RealWorker) -> None:
    first = submit(site).json()
    real.make(first["id"])
    with site.resources.database.write() as session:
        session.get_one(DefenseRecord, first["id"]).tenant = "others"
    assert submit(site).json()["status"] == "queued"


def test_other_code_has_made_nothing_yet(
    site: Site, real: RealWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.make(submit(site).json()["id"])
    monkeypatch.setattr(repeating, "code", lambda: "another version")
    assert submit(site).json()["status"] == "queued"


def test_a_result_that_is_gone_answers_nobody(site: Site, real: RealWorker) -> None:
    model = real.make(submit(site).json()["id"])
    assert site.client.delete(f"/v1/models/{model}").status_code == 204
    assert submit(site).json()["status"] == "queued"


def test_a_failure_is_not_repeated(site: Site, real: RealWorker) -> None:
    made = submit(site).json()
    real.fail(real.claim(made["id"]), "checkpoint-keys", "no")
    assert submit(site).json()["status"] == "queued"


def test_a_reference_counts_by_its_promised_digest(site: Site, real: RealWorker) -> None:
    real.make(of_reference(site, None), {"clean": "c" * 64})
    for promised, found in (("c" * 64, True), ("d" * 64, False), (None, False)):
        defense_id = of_reference(site, promised)
        with site.resources.database.write() as session:
            record = session.get_one(DefenseRecord, defense_id)
            assert repeating.answer(session, record) is found, promised


def of_reference(site: Site, sha256: str | None) -> str:
    """A new defense of one object that a worker would fetch."""
    given = InputRecord(role="clean", uri="s3://bucket/clean.npz", sha256=sha256)
    record = DefenseRecord(id=new_id("def"), tenant="default", request={}, inputs=[given])
    with site.resources.database.write() as session:
        lifecycle.add(session, record)
    return record.id


def test_an_idempotency_key_gives_the_same_answer(site: Site, real: RealWorker) -> None:
    real.make(submit(site).json()["id"])
    headers = {"Idempotency-Key": "again"}
    sent = body(site)
    first = site.client.post("/v1/defenses", json=sent, headers=headers)
    second = site.client.post("/v1/defenses", json=sent, headers=headers)
    assert second.headers["idempotent-replayed"] == "true"
    assert first.json() == second.json()
    assert first.json()["status"] == "succeeded"


def test_the_settings_may_forbid_it(site: Site, real: RealWorker) -> None:
    real.make(submit(site).json()["id"])
    settings = site.settings.model_copy(update={"reuse_results": False})
    resources = replace(site.resources, settings=settings)
    draft = Draft(DefenseRequest.model_validate(body(site)), {})
    assert service.create(resources, "default", draft, None).defense.status == "queued"
    assert service.create(site.resources, "default", draft, None).defense.status == "succeeded"


def test_the_code_is_told_by_its_sources_and_packages(tmp_path: Path) -> None:
    assert repeating.code() == repeating.code()
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("x = 1")
    two.write_text("x = 1")
    digest = repeating.digest_of(tmp_path, [one, two], ["2.13.0"])
    assert repeating.digest_of(tmp_path, [one], ["2.13.0"]) != digest
    assert repeating.digest_of(tmp_path, [one, two], ["2.14.0"]) != digest
    two.write_text("x = 2")
    assert repeating.digest_of(tmp_path, [one, two], ["2.13.0"]) != digest
