"""A worker's place on disk: private, its own while it lives, removed when it is dead."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from service.defenses.lifecycle import Lease
from worker.workplace import DEAD_AFTER_SECONDS, is_healthy, open_workplace

LEASE = Lease("def_1", 2)


def places(jobs_dir: Path) -> list[Path]:
    return [path for path in jobs_dir.iterdir() if path.is_dir()]


def test_a_job_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with open_workplace(tmp_path) as workplace:
        with suppress(KeyError), workplace.job_folder(LEASE) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert "def_1" in folder.name
            (folder / "file").touch()
            raise KeyError
        assert not folder.exists()
    assert places(tmp_path) == []


def test_two_workers_leave_each_other_alone(tmp_path: Path) -> None:
    with open_workplace(tmp_path) as first, first.job_folder(LEASE) as folder:
        with open_workplace(tmp_path) as second:
            assert second.name != first.name
        assert folder.is_dir()


KILLED = """
import os, signal, sys
from pathlib import Path
from worker.workplace import open_workplace
from service.defenses.lifecycle import Lease
with open_workplace(Path(sys.argv[1])) as workplace, workplace.job_folder(Lease("def_1", 1)):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_worker_left_is_removed(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = places(tmp_path)
    with open_workplace(tmp_path) as workplace:
        assert places(tmp_path) == [workplace.folder]
    assert not left.exists()


def test_health_is_a_fresh_heartbeat_of_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_healthy(tmp_path)
    assert not is_healthy(tmp_path / "missing")
    with open_workplace(tmp_path) as workplace:
        workplace.beat()
        assert is_healthy(tmp_path)
        assert not is_healthy(tmp_path, clock=lambda: time.time() + DEAD_AFTER_SECONDS + 1)
        monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
        assert not is_healthy(tmp_path)
