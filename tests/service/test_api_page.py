"""docs/api.md: every call is there, and its examples run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from polarizer.description import ModelDescription
from service.errors import ServiceError
from service.models import repository as models
from service.settings import Settings
from tests.documents import ROOT, Block, blocks, environment, ids, needs_bash, needs_curl, run
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.defenses.conftest import DESCRIPTION, Worker, submit, upload

PATH = ROOT / "docs" / "api.md"
PAGE = PATH.read_text()
OF_REAL_MODELS = re.compile(r"/(predict|infer|export\?)")
BLOCKS = [block for block in blocks(PATH, "sh") if not OF_REAL_MODELS.search(block.text)]
CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`")


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service that goes on without keys although the examples make one."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("page"), require_keys=False, **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        yield site


def test_every_call_is_on_the_page_and_nothing_else(quiet_site: Site) -> None:
    document = quiet_site.client.get("/openapi.json").json()
    offered = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    table = PAGE.split("## Ask for a defense")[0]
    assert set(CALL.findall(table)) == offered


def test_every_kind_of_problem_is_on_the_page() -> None:
    kinds = [ServiceError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        assert f"`{kind.slug}`" in PAGE


@needs_bash
@needs_curl
@pytest.mark.parametrize("block", BLOCKS, ids=ids(BLOCKS))
def test_the_examples_run(open_site: Site, tmp_path: Path, block: Block) -> None:
    """Predictions and exports need a real model; tests/client and tests/e2e have one."""
    worker = Worker(open_site.resources, tmp_path)
    created = submit(open_site)
    assert created.status_code == 202
    worker.succeed(worker.claim(created.json()["id"]))
    for name in ("model.safetensors", "clean.npz", "triggered.npz"):
        (tmp_path / name).write_bytes(f"{tmp_path}{name}".encode())
    description = DESCRIPTION | {"classes": ["airplane", "dog", "newt"]}
    (tmp_path / "model.json").write_text(json.dumps(description))
    place = environment(
        tmp_path,
        API=open_site.url,
        UPLOAD=upload(open_site, str(tmp_path).encode()),
        DEFENSE=created.json()["id"],
        MODEL=_model(open_site, tmp_path),
    )
    run(block.text, tmp_path, place)


def _model(site: Site, folder: Path) -> str:
    path = folder / "artefact"
    path.write_bytes(str(folder).encode())
    blob_id = site.resources.blobs.keep(
        path, hashlib.sha256(path.read_bytes()).hexdigest(), tenant="default"
    )
    with site.resources.database.write() as session:
        record = models.add(
            session,
            tenant="default",
            name=None,
            defense_id=None,
            blob_id=blob_id,
            description=ModelDescription.model_validate(DESCRIPTION),
            method="stage",
            numbers={},
        )
        return record.id
