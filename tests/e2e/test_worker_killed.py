"""A real worker process, killed, stopped, or cut off its broker: its job is done once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from polarizer.artefact import load_artefact
from service.blobs import Blobs
from service.database import Database
from service.defenses.reaper import Reaper
from service.defenses.report import Report
from service.defenses.states import Status
from service.queue import Queue, create_celery
from service.records import BlobRecord
from service.settings import Settings
from service.storage import open_store
from tests.servers import RedisServer, S3Bucket
from tests.waiting import wait_until
from tests.worker import samples
from tests.worker.desk import Desk

ROOT = Path(__file__).parents[2]
STEPS = 600
"""Of the optimisation: long enough to be killed in the middle, on any machine."""

Start = Callable[[], "subprocess.Popen[bytes]"]
pytestmark = pytest.mark.slow


SERVERS = pytest.param("servers", marks=[pytest.mark.server])


@pytest.fixture(params=["embedded", SERVERS])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of a deployment, as the worker gets them."""
    common = {
        "POLARIZER_DATA_DIR": str(tmp_path / "data"),
        "POLARIZER_LEASE_SECONDS": "2",
        "POLARIZER_REQUEUE_AFTER_SECONDS": "5",
        "POLARIZER_DEVICE": "cpu",
        "POLARIZER_WORKER_CONCURRENCY": "2",  # one computing thread each: the machine is shared
    }
    if request.param == "embedded":
        return common
    bucket: S3Bucket = request.getfixturevalue("s3_bucket")
    return common | {
        "POLARIZER_DATABASE_URL": request.getfixturevalue("postgres_url"),
        "POLARIZER_BROKER_URL": request.getfixturevalue("redis_url"),
        "POLARIZER_STORE_URL": f"s3://{bucket.bucket}/store",
        "POLARIZER_S3_ENDPOINT_URL": bucket.endpoint_url,
        "POLARIZER_S3_ACCESS_KEY_ID": bucket.access_key,
        "POLARIZER_S3_SECRET_ACCESS_KEY": bucket.secret_key,
        "POLARIZER_S3_REGION": bucket.region,
    }


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    settings.data_dir.mkdir()
    database = Database(settings.database)
    database.migrate()
    yield Desk(settings, database, open_store(settings))
    database.dispose()


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts worker processes, which are gone when the test ends."""
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "worker.log").open("ab")

    def run() -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker"], cwd=ROOT, stdout=log, stderr=log, env=os.environ
        )
        started.append(worker)
        return worker

    yield run
    for worker in started:
        worker.kill()
        worker.wait()
    log.close()
    sys.stdout.write((tmp_path / "worker.log").read_text()[-20_000:])


@pytest.fixture
def wake(desk: Desk) -> Callable[[str], bool]:
    return Queue(create_celery(desk.settings)).wake


@pytest.fixture
def reaper(desk: Desk) -> Reaper:
    queue = Queue(create_celery(desk.settings))
    return Reaper(desk.settings, desk.database, Blobs(desk.database, desk.store), queue)


def queued(desk: Desk) -> str:
    config = {"method": "stage", "steps": STEPS, "check_every": 0}
    inputs = samples.inputs(measured=True)
    return desk.queued(inputs, **samples.request(**config) | {"target_class": samples.TARGET})


def optimising(desk: Desk, defense: str, attempt: int) -> bool:
    return any(event.attempt == attempt for event in desk.events(defense, "progress"))


def finish(desk: Desk, reaper: Reaper, defense: str) -> Status:
    """Reaps, as the API does, until the defense has ended."""

    def ended() -> Status | None:
        reaper.reap()
        status = Status(desk.row(defense).status)
        return status if status.is_terminal else None

    return wait_until(ended, seconds=200)


def children(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(worker.pid).children(recursive=True)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def job_folders(settings: Settings) -> list[Path]:
    return [path.parent for path in settings.jobs_dir.glob("*/*/job.json")]


def test_the_job_of_a_killed_worker_is_done_once(
    desk: Desk, start: Start, wake: Callable[[str], bool], reaper: Reaper, tmp_path: Path
) -> None:
    defense = queued(desk)
    worker = start()
    wake(defense)
    wait_until(lambda: optimising(desk, defense, 1), seconds=120)
    family = children(worker)
    assert family
    assert not any("libtorch" in mapped.path for mapped in psutil.Process(worker.pid).memory_maps())

    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: all(map(is_gone, family)))
    assert len(job_folders(desk.settings)) == 1

    second = start()
    assert finish(desk, reaper, defense) is Status.SUCCEEDED
    check_events(desk, defense)
    check_result(desk, defense, tmp_path)
    wait_until(lambda: not job_folders(desk.settings))
    second.terminate()
    assert second.wait(60) == 0
    assert not [path for path in desk.settings.jobs_dir.iterdir() if path.is_dir()]
    check_store(desk, defense)


def check_events(desk: Desk, defense: str) -> None:
    events = desk.events(defense)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.attempt for event in events] == sorted(event.attempt for event in events)
    statuses = [event.data["status"] for event in events if event.type == "status"]
    assert statuses == ["queued", "running", "queued", "running", "succeeded"]
    assert events[-1].type == "status"
    second = [event for event in events if event.attempt == 2 and event.type == "stage"]
    assert [event.data["stage"] for event in second][0] == "fetching"
    assert len({event.data["stage"] for event in second}) == len(second) == 6


def check_result(desk: Desk, defense: str, tmp_path: Path) -> None:
    row = desk.row(defense)
    (model,) = desk.models()
    assert (row.attempt, model.defense_id) == (2, defense)
    assert row.report
    report = Report.model_validate(json.loads(b"".join(desk.blobs.read(row.report))))
    assert report.attempt == 2
    assert report.steps == STEPS
    path = tmp_path / "model.safetensors"
    desk.blobs.fetch(model.blob, path)
    assert load_artefact(path).description == samples.DESCRIPTION


def check_store(desk: Desk, defense: str) -> None:
    """After a sweep only what is referred to is there: rows and bytes."""
    desk.blobs.sweep(0)
    row = desk.row(defense)
    wanted = {item.blob_id for item in row.inputs}
    model = desk.models()[0]
    wanted |= {row.report_blob_id, model.blob_id, model.alarm_blob_id}
    with desk.database.read() as session:
        assert {blob.id for blob in session.query(BlobRecord)} == wanted
    assert {stored.key.rsplit("/", 1)[-1] for stored in desk.store.list()} == wanted


def test_a_worker_that_is_told_to_stop_gives_its_job_back(
    desk: Desk, start: Start, wake: Callable[[str], bool], reaper: Reaper
) -> None:
    defense = queued(desk)
    worker = start()
    for message in ("def_of_nobody", defense, defense):
        wake(message)
    wait_until(lambda: optimising(desk, defense, 1), seconds=120)
    family = children(worker)
    worker.terminate()
    assert worker.wait(60) == 0
    assert all(map(is_gone, family))
    row = desk.row(defense)
    assert (row.status, row.attempt) == (Status.QUEUED, 1)
    start()
    assert finish(desk, reaper, defense) is Status.SUCCEEDED
    assert desk.row(defense).attempt == 2
    assert len(desk.models()) == 1


@pytest.mark.parametrize("environment", [SERVERS], indirect=True)
def test_a_broker_that_dies_costs_no_work(
    desk: Desk,
    start: Start,
    wake: Callable[[str], bool],
    reaper: Reaper,
    redis_server: RedisServer,
) -> None:
    defense, other = queued(desk), desk.queued(samples.inputs(), **samples.request())
    start()
    wake(defense)
    wait_until(lambda: optimising(desk, defense, 1), seconds=120)
    redis_server.kill()
    assert not wake(other)
    assert optimising(desk, defense, 1)
    redis_server.start()
    assert finish(desk, reaper, defense) is Status.SUCCEEDED
    assert finish(desk, reaper, other) is Status.SUCCEEDED
    assert (desk.row(defense).attempt, desk.row(other).attempt) == (1, 1)
