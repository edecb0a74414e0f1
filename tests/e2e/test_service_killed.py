"""The embedded service, everything in one process tree, killed in the middle of a job: the same
command again, and the job is done once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.waiting import wait_until
from tests.worker import samples

ROOT = Path(__file__).parents[2]
STEPS = 600
"""Of the optimisation: long enough to be killed in the middle, on any machine."""

pytestmark = pytest.mark.slow

Serve = Callable[[], tuple["subprocess.Popen[str]", httpx.Client]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts the service on one data folder; what is left of it is gone when the test ends."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("POLARIZER_")
    } | {
        "POLARIZER_DATA_DIR": str(tmp_path / "data"),
        "POLARIZER_LEASE_SECONDS": "10",
        "POLARIZER_REQUEUE_AFTER_SECONDS": "5",
        "POLARIZER_REAP_INTERVAL_SECONDS": "1",
        "POLARIZER_SHUTDOWN_SECONDS": "2",
        "POLARIZER_DEVICE": "cpu",
        "POLARIZER_WORKER_CONCURRENCY": "2",  # one computing thread each: the machine is shared
        "PYTHONPATH": str(ROOT),
    }
    started: list[subprocess.Popen[str]] = []
    clients: list[httpx.Client] = []
    log = (tmp_path / "log").open("a")

    def start() -> tuple[subprocess.Popen[str], httpx.Client]:
        command = [sys.executable, "-m", "service", "serve", "--port", "0"]
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listens on http://" in line, (tmp_path / "log").read_text()
        clients.append(httpx.Client(base_url=line.split()[-1], timeout=60))
        return process, clients[-1]

    yield start
    for client in clients:
        client.close()
    for process in started:
        process.kill()
        process.communicate()
    log.close()
    sys.stdout.write((tmp_path / "log").read_text()[-20_000:])


def submit(client: httpx.Client) -> str:
    request = samples.request(method="stage", steps=STEPS, check_every=0)
    form = {name: (name, content) for name, content in samples.inputs().items()}
    answer = client.post("/v1/defenses", files=form, data={"request": json.dumps(request)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def events(client: httpx.Client, defense: str) -> list[dict[str, Any]]:
    """All of them."""
    found: list[dict[str, Any]] = []
    more = True
    while more:
        page = client.get(
            f"/v1/defenses/{defense}/events", params={"limit": 100, "after": len(found)}
        ).json()
        found += page["data"]
        more = page["has_more"]
    return found


def is_optimising(client: httpx.Client, defense: str) -> bool:
    return any(event["type"] == "progress" for event in events(client, defense))


def ended(client: httpx.Client, defense: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(f"/v1/defenses/{defense}").json()
    return found if found["finished_at"] else None


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_job_survives_the_whole_service(serve: Serve, tmp_path: Path) -> None:
    process, client = serve()
    defense = submit(client)
    wait_until(lambda: is_optimising(client, defense), seconds=180)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2, "a worker and its child"

    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: all(map(is_gone, family)))

    process, client = serve()
    done = wait_until(lambda: ended(client, defense), seconds=300)
    assert done["status"] == "succeeded", done["error"]
    assert done["attempt"] >= 2
    (model,) = client.get("/v1/models").json()["data"]
    assert model["defense_id"] == defense
    file = client.get(f"/v1/models/{model['id']}/file")
    assert hashlib.sha256(file.content).hexdigest() == model["sha256"]
    told = events(client, defense)
    assert [event["sequence"] for event in told] == list(range(1, len(told) + 1))
    states = [event["data"]["status"] for event in told if event["type"] == "status"]
    assert states[:4] == ["queued", "running", "queued", "running"]
    assert states.index("succeeded") == len(states) - 1, "once, and nothing after it"

    process.terminate()
    assert process.wait(60) == 0
    assert not list((tmp_path / "data" / "jobs").glob("*/job-*"))
