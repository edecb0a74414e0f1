"""The job file: what the runner writes is what the child reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from polarizer.config import PurifyConfig
from service.defenses.report import InputFacts
from worker.job import INPUTS, OUTPUTS, Job, Limits, Place

JOB = Job(
    defense_id="def_1",
    attempt=2,
    description=None,
    target_class="cat",
    config=PurifyConfig(seed=7),
    device="",
    limits=Limits(file_bytes=1000),
    inputs={"model": InputFacts(sha256="0" * 64, size=3, filename="model.pt")},
)
PLACE = Place(device="", runner_pid=1)


def test_the_child_reads_what_the_runner_wrote(tmp_path: Path) -> None:
    PLACE.write(tmp_path)
    JOB.write(tmp_path)
    assert (Place.read(tmp_path), Job.read(tmp_path)) == (PLACE, JOB)
    assert (tmp_path / INPUTS).is_dir()
    assert (tmp_path / OUTPUTS).is_dir()


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValidationError, match="inputs"):
        Job.model_validate({**JOB.model_dump(), "inputs": {"../x": JOB.inputs["model"]}})


def test_the_runner_s_modules_import_no_torch() -> None:
    modules = "worker.job, worker.events, service.defenses.report"
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
