"""What is left in memory of models that were loaded and forgotten."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import httpx

from benchmarks.serving import models, ours, requests
from benchmarks.serving.cases import DEFENDED, Case
from benchmarks.serving.models import Served
from benchmarks.serving.processes import Server, resident_mb

SETTLING_SECONDS = 6


def measured(case: Case, folder: Path, count: int, threads: int, cores: str) -> dict[str, float]:
    """Resident MB of engine and web process after one model was loaded, asked and deleted, and
    after ``count`` more. They compute eagerly: no search for a backend goes on when they leave."""
    shutil.rmtree(folder, ignore_errors=True)
    served = []
    for number in range(count + 1):
        made = models.make(case, folder / "models" / str(number), seed=number, variants=[DEFENDED])[
            0
        ]
        served.append(Served(str(number), made.path, made.description))
    ids = list(ours.store(folder / "data", served).values())
    server = ours.serve(folder / "data", threads, cores, engine_backends="eager")
    try:
        _use_and_delete(server, case, ids[:1])
        before, web_before = _resident(server)
        _use_and_delete(server, case, ids[1:])
        after, web_after = _resident(server)
    finally:
        server.stop()
    return {
        "models": count,
        "model_mb": served[0].path.stat().st_size / 1e6,
        "engine_before_mb": before,
        "engine_after_mb": after,
        "web_before_mb": web_before,
        "web_after_mb": web_after,
    }


def _use_and_delete(server: Server, case: Case, ids: list[str]) -> None:
    """All of them are in memory before the first goes."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for model_id in ids:
            head, _, body = requests.oip(case, model_id, 8).partition(b"\r\n\r\n")
            length = head.rpartition(b"Inference-Header-Content-Length: ")[2].split(b"\r\n")[0]
            headers = {"Inference-Header-Content-Length": length.decode()}
            url = f"/v2/models/{model_id}/infer"
            client.post(url, content=body, headers=headers).raise_for_status()
        for model_id in ids:
            client.delete(f"/v1/models/{model_id}").raise_for_status()


def _resident(server: Server) -> tuple[float, float]:
    time.sleep(SETTLING_SECONDS)  # the engine tidies up a little later
    return resident_mb(ours.engine_of(server).pid), resident_mb(server.pid)
