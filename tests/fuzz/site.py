"""A service with something in it, in a process of its own: a model that answers, a name, a key,
uploads whole and in parts, defenses in every state that needs no worker, an erasure that is over.
``IDS`` of these go to whoever makes requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.app import build
from service.resources import ANONYMOUS
from service.retention import leaving
from service.retention.erasing import Eraser
from service.settings import Settings
from tests.service.conftest import migrate
from tests.service.inference.artefacts import add_model, make_alarm, make_artefact

IDS = "FUZZ_IDS"
PATIENCE = 60.0
_LIMITS = {
    "POLARIZER_REQUIRE_KEYS": "false",
    "POLARIZER_PORT": "0",
    "POLARIZER_LOG_FORMAT": "json",
    "POLARIZER_MAX_UPLOAD_BYTES": str(1 << 20),
    "POLARIZER_MAX_JSON_BYTES": str(64 << 10),
    "POLARIZER_MAX_TENSOR_BYTES": str(1 << 20),
    "POLARIZER_REQUEUE_AFTER_SECONDS": "100000",  # nobody takes jobs here
    "POLARIZER_ENGINE_BACKENDS": "eager",
    "POLARIZER_DEVICE": "cpu",
}


@contextmanager
def fuzzed_site(folder: Path) -> Iterator[tuple[str, dict[str, list[str]], Path]]:
    """Its address, the ids in it by path parameter, and the file of its log."""
    settings = Settings(data_dir=folder / "data", require_keys=False)
    settings.data_dir.mkdir()
    migrate(settings)
    erasure, model = _furnish(settings, folder)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("POLARIZER_")
    }
    environment |= _LIMITS | {"POLARIZER_DATA_DIR": str(settings.data_dir)}
    log = folder / "log"
    command = [sys.executable, "-m", "service", "api"]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout
            url = process.stdout.readline().split()[-1]
            with httpx.Client(base_url=url, timeout=PATIENCE) as client:
                yield url, _fill(client, model) | {"erasure_id": [erasure]}, log
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _furnish(settings: Settings, folder: Path) -> tuple[str, str]:
    """What takes no request: ids of an erasure of what was there before, and of a model."""
    resources = build(settings)
    with resources.database.write() as session:
        erasure = leaving.ask(session, ANONYMOUS, confirm=ANONYMOUS).id
    assert Eraser(resources.database, resources.store).advance(erasure)
    artefact = make_artefact(folder, 1)
    model = add_model(resources, artefact, make_alarm(folder, artefact, threshold=0.5))
    resources.database.dispose()
    return erasure, model


def _fill(client: httpx.Client, model: str) -> dict[str, list[str]]:
    def sent(method: str, path: str, **more: object) -> dict[str, str]:
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
        assert answer.is_success, answer.text
        found: dict[str, str] = answer.json()
        return found

    sent("PUT", "/v1/names/fuzzed", json={"model_id": model})
    sent("POST", "/v1/webhooks/secrets")
    key = sent("POST", "/v1/keys", json={"name": "fuzzed", "scopes": ["read"]})["id"]
    uploads = [sent("POST", "/v1/uploads", content=b"%d" % n)["id"] for n in range(3)]
    begun = {"size": 1 << 17, "sha256": 64 * "0", "part_size": 1 << 16}
    multiparts = [sent("POST", "/v1/multipart-uploads", json=begun)["id"] for _ in range(3)]
    named = {"upload": uploads[0]}
    asked = {"model": named, "clean": named}
    defenses = [sent("POST", "/v1/defenses", json=asked)["id"] for _ in range(3)]
    sent("POST", f"/v1/defenses/{defenses[0]}/cancel")
    return {
        "upload_id": uploads,
        "multipart_id": multiparts,
        "defense_id": defenses,
        "model_id": [model],
        "name": ["fuzzed", model],
        "version": ["1"],
        "key_id": [key],
        "number": ["1"],
    }


def server_errors(log: Path) -> list[dict[str, object]]:
    """What the service itself says went wrong."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("level") in ("error", "critical")]
