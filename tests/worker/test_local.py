"""A repair without a service: its order, its events, and what is left when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polarizer.artefact import load_artefact
from service.defenses.report import Report
from tests.worker import samples

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def order(folder: Path, **changes: Any) -> bytes:
    inputs = {}
    for role, content in samples.inputs().items():
        (folder / role).write_bytes(content)
        inputs[role] = str(folder / role)
    told = {"inputs": inputs, "out": str(folder / "out"), "config": samples.FAST, "evidence": None}
    told["description"] = samples.DESCRIPTION.model_dump(mode="json")
    return json.dumps(told | changes).encode()


def repaired(said: bytes, folder: Path) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "worker.local"],
        input=said,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "POLARIZER_DEVICE": "cpu"},
        capture_output=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_repair(tmp_path: Path) -> None:
    status, events = repaired(order(tmp_path), tmp_path)
    assert status == 0
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    stages = [event["data"]["stage"] for event in events if event["type"] == "stage"]
    assert stages[0] == "fetching"
    assert stages[-1] == "storing"
    assert events[-1]["data"] == {"status": "succeeded"}
    report = Report.model_validate_json((tmp_path / "out" / "report.json").read_bytes())
    assert report.inputs["model"].filename == "model"
    assert load_artefact(tmp_path / "out" / "model.safetensors").description == samples.DESCRIPTION


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"config": {"steps": 0}}, "config-invalid"), ({"inputs": {"model": "/none"}}, "internal")],
    ids=["config", "file"],
)
def test_an_order_that_cannot_be_done(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    status, events = repaired(order(tmp_path, **changes), tmp_path)
    assert status == 1
    assert events[-1]["data"]["error"]["code"] == code
    assert not list((tmp_path / "out").glob("*"))
