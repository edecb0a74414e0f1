"""The embedded worker's process: kept running, stopped, killed if need be. Workers are played by
small programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from service import embedded
from service.embedded import WorkerProcess
from service.settings import Settings
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

ENDS = "import sys; open(sys.argv[1], 'a').write('.'); sys.exit(3)"
OBEYS = "import sys, signal; open(sys.argv[1], 'a').write('.'); signal.pause()"
LEAVES_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "a").write(f"{child.pid} ")
"""
DEFIES = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "a").write(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""

Play = Callable[[str], WorkerProcess]


@pytest.fixture
def lives(tmp_path: Path) -> Path:
    return tmp_path / "lives"


@pytest.fixture
def play(
    tmp_path: Path, lives: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], WorkerProcess]]:
    """Starts a worker that is this program."""
    monkeypatch.setattr(embedded, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(embedded, "LAST_GRACE", 0.5)
    workers: list[WorkerProcess] = []

    def start(program: str) -> WorkerProcess:
        settings = Settings(data_dir=tmp_path, shutdown_seconds=0)
        worker = WorkerProcess(settings, [sys.executable, "-c", program, str(lives)])
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.stop()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_worker_that_dies_is_started_again(play: Play, lives: Path) -> None:
    worker = play(ENDS)
    wait_until(lambda: len(read(lives)) >= 3)
    worker.stop()
    after = read(lives)
    assert not worker._thread.is_alive()
    assert read(lives) == after


def test_it_ends_when_it_is_told(play: Play, lives: Path) -> None:
    worker = play(OBEYS)
    wait_until(lambda: read(lives))
    worker.stop()
    assert read(lives) == "."


def test_what_does_not_go_is_killed_with_its_children(play: Play, lives: Path) -> None:
    worker = play(DEFIES)
    wait_until(lambda: " " in read(lives))
    pids = [int(pid) for pid in read(lives).split()]
    worker.stop()
    wait_until(lambda: not any(_alive(pid) for pid in pids))


def test_what_a_dead_worker_left_is_killed(play: Play, lives: Path) -> None:
    play(LEAVES_A_CHILD)
    wait_until(lambda: " " in read(lives))
    orphan = int(read(lives).split()[0])
    wait_until(lambda: not _alive(orphan))


def test_stopping_one_that_never_started(tmp_path: Path) -> None:
    worker = WorkerProcess(Settings(data_dir=tmp_path), ["no-such-program"])
    worker.stop()


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_tied_process_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import os, signal; open('pid', 'w').write(str(os.getpid())); signal.pause()"
    )
    parent = (
        "import os, subprocess, sys; subprocess.Popen([sys.executable, '-m', 'service.tied',"
        " str(os.getpid()), 'sleeper']).wait()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=environment)
    pid = int(wait_until(lambda: read(tmp_path / "pid")))
    assert _alive(pid)
    process.kill()
    process.wait()
    wait_until(lambda: not _alive(pid))
