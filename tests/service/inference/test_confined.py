"""The engine's confinement: every backend works inside, and what no model needs ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from confinement import missing_parts
from service.inference.messages import NOTES
from service.inference.process import environment
from tests.service.inference.artefacts import make_artefact

pytestmark = pytest.mark.skipif(
    bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}"
)


def confined(folder: Path, *attack: str) -> subprocess.CompletedProcess[str]:
    artefact = make_artefact(folder, 0)
    (folder / NOTES).mkdir()
    return subprocess.run(
        [sys.executable, "-P", "-m", "tests.service.inference.confined", artefact.path, *attack],
        cwd=folder,
        env=environment(folder, {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_backend_can_be_made_inside(tmp_path: Path) -> None:
    ended = confined(tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["made"] == found["candidates"]
    assert found["remembered"]


def test_a_model_cannot_be_replaced(tmp_path: Path) -> None:
    before = make_artefact(tmp_path, 0).path.read_bytes()
    ended = confined(tmp_path, "overwrite_the_model")
    assert "PermissionError" in ended.stderr
    assert (tmp_path / "artefact-0.safetensors").read_bytes() == before


@pytest.mark.parametrize("attack", ["start_a_process", "open_a_socket"])
def test_a_hostile_call_ends_it(tmp_path: Path, attack: str) -> None:
    assert confined(tmp_path, attack).returncode == -signal.SIGSYS
