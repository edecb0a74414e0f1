"""Our service, started as its users start it, with models put straight into its store."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil

from benchmarks.serving.models import Served, digest
from benchmarks.serving.processes import Server, free_port, start
from service.app import build
from service.database import Database
from service.models import repository
from service.resources import ANONYMOUS
from service.settings import Settings

CHOICE_SECONDS = 60
"""within which the engine has chosen its backend"""


def store(data_dir: Path, models: Sequence[Served]) -> dict[str, str]:
    """Makes the service's data folder; returns the id of each variant."""
    data_dir.mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=data_dir)
    database = Database(settings.database)
    database.migrate()
    database.dispose()
    resources = build(settings)
    ids: dict[str, str] = {}
    for model in models:
        blob = resources.blobs.keep(model.path, digest(model.path), tenant="default")
        alarm = (
            resources.blobs.keep(model.alarm, digest(model.alarm), tenant="default")
            if model.alarm
            else None
        )
        with resources.database.write() as session:
            record = repository.add(
                session,
                tenant=ANONYMOUS,
                name=None,
                defense_id=None,
                blob_id=blob,
                description=model.description,
                method="stage",
                numbers={},
                alarm=model.calibration if model.alarm else None,
                alarm_blob_id=alarm,
            )
            ids[model.variant] = record.id
    resources.database.dispose()
    return ids


def serve(data_dir: Path, threads: int, cores: str, **settings: str) -> Server:
    """``python -m service api``, ready; its engine computes with so many threads."""
    environment = {
        "POLARIZER_DATA_DIR": str(data_dir),
        "OMP_NUM_THREADS": str(threads),
        **{f"POLARIZER_{name.upper()}": value for name, value in settings.items()},
    }
    port = free_port()
    command = [sys.executable, "-m", "service", "api", "--port", str(port)]
    log = data_dir / "service.log"
    return start(command, port, "/readyz", log, environment, cores)


def load(server: Server, model_id: str) -> None:
    """Brings a model into memory."""
    url = f"{server.url}/v2/repository/models/{model_id}/load"
    httpx.post(url, timeout=120).raise_for_status()


def wait_for_choices(data_dir: Path, count: int) -> None:
    """Until the engine has chosen a backend for so many models."""
    ends = time.monotonic() + CHOICE_SECONDS
    while len(list((data_dir / "cache").rglob("*.backend.json"))) < count:
        if time.monotonic() > ends:
            return
        time.sleep(0.2)


def engine_of(server: Server) -> psutil.Process:
    """The engine's process; raises LookupError when there is none."""
    for child in psutil.Process(server.pid).children(recursive=True):
        if "service.inference.engine" in " ".join(child.cmdline()):
            return child
    raise LookupError("the service has no engine")
