"""A service in which something of every kind has happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, submit
from tests.service.inference.artefacts import add_model, make_alarm, make_artefact
from tests.service.pages.files import write_files
from tests.service.reports import samples

LOSSES = {"clean": 0.5, "consistency": 0.25, "trigger": 1.5}


@dataclass(frozen=True)
class Furnished:
    """Where it is, what is in it by a word for it, and files to send."""

    url: str
    ids: dict[str, str]
    folder: Path


def furnish(site: Site, folder: Path) -> Furnished:
    """Adds defenses in every state, and a model whose alarm goes off at any disagreement."""
    worker = Worker(site.resources, folder)
    ids = {name: make(site, worker) for name, make in MAKERS.items()}
    artefact = make_artefact(folder, 0)
    alarm = make_alarm(folder, artefact, threshold=0)
    ids["model"] = add_model(site.resources, artefact, alarm)
    write_files(folder)
    Image.new("RGB", (16, 16), "red").save(folder / "red.png")
    return Furnished(site.url, ids, folder)


def _queued(site: Site, _worker: Worker) -> str:
    return str(submit(site).json()["id"])


def _under_way(site: Site, worker: Worker) -> str:
    defense_id = _queued(site, worker)
    lease = worker.claim(defense_id)
    worker.report(lease, "stage", {"stage": "purifying"}, stage="purifying")
    for step in (1, 2, 3):
        losses = {name: value / step for name, value in LOSSES.items()}
        data = {"fraction": step / 4, "step": step, "steps": 4, "losses": losses}
        worker.report(lease, "progress", data | {"remaining_seconds": 7.0})
    worker.report(lease, "warning", {"code": "few-images", "message": "few images"})
    return defense_id


def _failed(site: Site, worker: Worker) -> str:
    defense_id = _queued(site, worker)
    worker.fail(worker.claim(defense_id), "model-format", "this is no model")
    return defense_id


def _succeeded(site: Site, worker: Worker) -> str:
    defense_id = _queued(site, worker)
    report = samples.everything()
    numbers = report.numbers.model_dump(exclude_none=True)
    worker.succeed(worker.claim(defense_id), report.model_dump_json().encode(), **numbers)
    return defense_id


MAKERS: dict[str, Callable[[Site, Worker], str]] = {
    "queued": _queued,
    "running": _under_way,
    "failed": _failed,
    "succeeded": _succeeded,
}
