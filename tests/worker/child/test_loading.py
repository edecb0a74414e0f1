"""What a child loads, and when: all of it before there is a job, and no compiler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.worker import samples
from tests.worker.child.conftest import prepared

SCRIPT = """
import json, os, sys
from pathlib import Path
from worker.child.__main__ import _load
from worker.child.voice import Voice
from worker.job import Job

work = _load()
before = set(sys.modules)
folder = Path(sys.argv[1])
work(Job.read(folder), folder, Voice(os.open(os.devnull, os.O_WRONLY)))
print(json.dumps({"later": sorted(set(sys.modules) - before), "all": sorted(sys.modules)}))
"""


def test_a_job_finds_all_but_everything_loaded_and_no_compiler(tmp_path: Path) -> None:
    """Each file that is opened later is asked about at the worker: it takes many times as long."""
    prepared(tmp_path, samples.inputs(measured=True))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert len(loaded["later"]) < 10, loaded["later"]
    assert "torch._dynamo" not in loaded["all"]


def test_a_repair_without_a_service_loads_neither_database_nor_torch() -> None:
    """Its child loads torch."""
    script = "import json, sys; import worker.local; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=280
    )
    assert {"sqlalchemy", "torch", "celery", "alembic"}.isdisjoint(json.loads(done.stdout))
