"""A real worker that is told to go, and given the time to end what it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database import Database
from service.defenses.states import Status
from service.queue import Queue, create_celery
from service.settings import Settings
from service.storage import open_store
from tests.waiting import wait_until
from tests.worker import samples
from tests.worker.desk import Desk

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("POLARIZER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("POLARIZER_DEVICE", "cpu")
    monkeypatch.setenv("POLARIZER_LEASE_SECONDS", "120")
    monkeypatch.setenv("POLARIZER_DRAIN_SECONDS", "600")
    settings = Settings()
    database = Database(settings.database)
    database.migrate()
    yield Desk(settings, database, open_store(settings))
    database.dispose()


def test_a_worker_that_drains_ends_its_job(desk: Desk, tmp_path: Path) -> None:
    running = desk.queued(samples.inputs(), **samples.request() | {"evidence": None})
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker"], cwd=ROOT, stdout=log, stderr=log, env=os.environ
        )
        try:
            Queue(create_celery(desk.settings)).wake(running)
            wait_until(lambda: desk.row(running).status != Status.QUEUED, seconds=120)
            worker.terminate()
            status = worker.wait(160)
        finally:
            worker.kill()
            worker.wait()
    assert status == 0, (tmp_path / "worker.log").read_text()[-4000:]
    assert desk.row(running).status == Status.SUCCEEDED
    assert desk.row(running).attempt == 1
