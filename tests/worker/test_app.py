"""``python -m worker``: what it refuses, and its health. What it does is in tests/e2e."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.database import Database
from service.settings import Settings
from worker.__main__ import main
from worker.workplace import open_workplace

ROOT = Path(__file__).parents[2]


def worker(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        cwd=ROOT,
        env={**os.environ, "POLARIZER_DATA_DIR": str(data_dir), **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_database_that_is_not_migrated_is_refused(tmp_path: Path) -> None:
    ended = worker(tmp_path)
    assert ended.returncode == 1
    assert "python -m service migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = "postgresql+psycopg://postgres:hunter2@127.0.0.1:9/none"
    ended = worker(tmp_path, POLARIZER_DATABASE_URL=url)
    assert ended.returncode == 1
    assert "POLARIZER_DATABASE_URL" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_unknown_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dance"]) == 2
    assert "usage" in capsys.readouterr().err


def test_health_is_that_of_a_worker_on_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARIZER_DATA_DIR", str(tmp_path))
    settings = Settings()
    Database(settings.database).migrate()
    assert main(["healthy"]) == 1
    with open_workplace(settings.jobs_dir):
        assert main(["healthy"]) == 0
    assert main(["healthy"]) == 1


def test_the_worker_process_loads_no_torch() -> None:
    program = "import sys, worker.app, worker.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0


EARLY = """
import os, signal, sys
import celery
def listens_in_a_moment(*_, **__):
    print("starts", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
celery.Celery.Worker = listens_in_a_moment
from worker.__main__ import main
sys.exit(main([]))
"""


def test_a_worker_that_is_told_to_stop_before_it_listens_leaves_in_order(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    Database(settings.database).migrate()
    ended = subprocess.run(
        [sys.executable, "-c", EARLY],
        cwd=ROOT,
        env={**os.environ, "POLARIZER_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "starts\n"), ended.stderr
    assert not [path for path in settings.jobs_dir.iterdir() if path.is_dir()]
