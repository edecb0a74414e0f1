"""The child's frame as a real process: limits, a last word, and an end with its worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from polarizer.config import PurifyConfig
from tests.waiting import wait_until
from worker.events import Event, FailedEvent, SucceededEvent, WarningEvent, parse
from worker.job import Job, Limits, Place

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-P", "-m", "tests.worker.child.scripts"]
Start = Callable[..., "subprocess.Popen[bytes]"]
MIB = 1 << 20


def write_orders(
    folder: Path, parent: int, *, memory_bytes: int = 0, file_bytes: int = MIB
) -> None:
    """What a worker writes for its child."""
    Place(device="cpu", memory_bytes=memory_bytes, runner_pid=parent).write(folder)
    Job(
        defense_id="def_1",
        attempt=1,
        description=None,
        target_class=None,
        config=PurifyConfig(),
        device="cpu",
        limits=Limits(file_bytes=file_bytes),
        inputs={},
    ).write(folder)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a script as a child of this process, or of one that ``parent`` names."""
    started: list[subprocess.Popen[bytes]] = []

    def run(work: str, *, parent: int | None = None, **limits: int) -> subprocess.Popen[bytes]:
        write_orders(tmp_path, os.getpid() if parent is None else parent, **limits)
        child = subprocess.Popen(
            [*COMMAND, work],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(child)
        assert child.stdin
        child.stdin.write(b"!")
        child.stdin.flush()
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


def last_word(child: subprocess.Popen[bytes]) -> tuple[Event | None, str]:
    assert child.stdout
    assert child.stderr
    said = [parse(line) for line in child.stdout.read().splitlines()]
    assert None not in said
    return said[-1], child.stderr.read().decode()


def test_success_is_said_and_nothing_else(start: Start) -> None:
    child = start("succeed")
    said, errors = last_word(child)
    assert said == SucceededEvent()
    assert "noise from a library" in errors
    assert child.wait() == 0


def test_a_failure_is_said_and_explained_in_the_log(start: Start) -> None:
    child = start("fail")
    said, errors = last_word(child)
    assert isinstance(said, FailedEvent)
    assert "secret" not in said.message
    assert "the secret stays in the log" in errors
    assert child.wait() == 1


def test_memory_is_limited(start: Start) -> None:
    child = start("eat_memory", memory_bytes=4 << 30)
    said, _ = last_word(child)
    assert isinstance(said, FailedEvent)
    assert said.code == "out-of-memory"


def test_file_size_is_limited(start: Start) -> None:
    child = start("write_too_much", file_bytes=1 << 20)
    said, errors = last_word(child)
    assert isinstance(said, FailedEvent)
    assert "File too large" in errors


def test_a_child_of_another_parent_ends_at_once(start: Start) -> None:
    child = start("wait", parent=1)
    assert child.wait(60) == 1


def test_the_end_of_stdin_ends_it(start: Start) -> None:
    child = start("wait")
    assert child.stdout
    assert child.stdin
    assert child.stdout.readline()
    child.stdin.close()
    child.stdin = None
    assert child.wait(60) == -signal.SIGKILL


PARENT = """
import os, subprocess, sys
from pathlib import Path
from tests.worker.child.test_program import COMMAND, write_orders
write_orders(Path("."), os.getpid())
child = subprocess.Popen([*COMMAND, "wait"], stdin=subprocess.PIPE, start_new_session=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")
def test_the_kernel_ends_it_with_its_worker(tmp_path: Path) -> None:
    """The standard input stays open here: this process holds it too."""
    held, writing = os.pipe()
    os.write(writing, b"!")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("subprocess.PIPE", str(held))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        pass_fds=[held],
    )
    assert parent.stdout
    event = parse(parent.stdout.readline().rstrip())
    assert isinstance(event, WarningEvent)
    child = psutil.Process(int(event.message))
    parent.kill()
    parent.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    parent.stdout.close()
    os.close(held)
    os.close(writing)
