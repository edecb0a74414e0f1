"""Whether what the settings name can be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from service.checking import check
from service.settings import Settings
from tests.service.conftest import migrate

ROOT = Path(__file__).parents[2]


def test_what_can_be_used(stack: Settings) -> None:
    migrate(stack)
    assert check(stack) == {"database": "ok", "store": "ok", "broker": "ok"}


def test_an_empty_database_is_told(embedded: Settings, tmp_path: Path) -> None:
    empty = embedded.model_copy(update={"data_dir": tmp_path / "new"})
    empty.data_dir.mkdir()
    assert "migrate" in check(empty)["database"]


def test_servers_that_are_not_there_are_told(embedded: Settings) -> None:
    nowhere = {
        "database_url": "postgresql+psycopg://nobody:secret@127.0.0.1:9/none",
        "broker_url": "redis://127.0.0.1:9/0",
    }
    found = check(embedded.model_copy(update=nowhere))
    assert found["store"] == "ok"
    assert "ok" not in (found["database"], found["broker"])
    assert "secret" not in str(found)


def test_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "check", "--data-dir", str(tmp_path / "none")],
        env=os.environ | {"PYTHONPATH": str(ROOT), "POLARIZER_LOG_LEVEL": "ERROR"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert set(json.loads(done.stdout)) == {"database", "store", "broker"}
