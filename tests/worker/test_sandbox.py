"""A job that attacks its worker: it fails with a named error, the log says what it tried and whose
it was, and nothing of it is left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Thread
from typing import Any

import psutil
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from confinement import missing_parts
from service.defenses.states import Status
from service.records import EventRecord
from tests.worker.conftest import Bench
from worker.runner import Runner

MIB = 1 << 20

pytestmark = pytest.mark.skipif(
    bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}"
)


def attacker(bench: Bench, attack: str, **settings: Any) -> Runner:
    runner = bench.runner("well_behaved", **{"sandbox": "require"} | settings)
    command = [sys.executable, "-P", "-m", "tests.worker.attacks", attack]
    tools = runner._tools
    runner._tools = type(tools)(tools.settings, tools.database, tools.blobs, command)
    return runner


def ran(bench: Bench, attack: str, **settings: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The error of a job that attacks, and what was logged of it."""
    defense = bench.queued()
    with capture_logs(processors=[merge_contextvars]) as logged:
        attacker(bench, attack, **settings).run(defense)
    row = bench.row(defense)
    assert row.status == Status.FAILED
    assert row.error
    assert bench.job_folders() == []
    assert all(entry["job_id"] == defense for entry in logged)
    return row.error, [dict(entry) for entry in logged]


@pytest.mark.parametrize(
    ("attack", "call"),
    [
        ("connect", "socket"),
        ("connect_in_silence", "socket"),
        ("bomb", "clone"),
        ("leave_a_daemon", "clone"),
        ("kill_the_worker", "kill"),
    ],
)
def test_a_hostile_call_ends_the_job(bench: Bench, attack: str, call: str) -> None:
    before = set(psutil.pids())
    error, logged = ran(bench, attack)
    assert error["code"] == "sandbox-violation"
    assert call in error["message"]
    refused = [entry for entry in logged if entry["event"] == "sandbox_refused"]
    assert refused
    assert refused[0]["call"] == call
    assert refused[0]["hostile"]
    left = [pid for pid in set(psutil.pids()) - before if "tests.worker.attacks" in command_of(pid)]
    assert not left


def command_of(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def test_a_file_outside_is_logged_and_fails_the_job(bench: Bench) -> None:
    error, logged = ran(bench, "read_users")
    assert error["code"] == "sandbox-violation"
    assert "passwd" not in error["message"]
    paths = [entry["path"] for entry in logged if entry["event"] == "sandbox_refused"]
    assert paths[0] == "/etc/passwd"


def test_a_flood_of_harmless_refusals_ends_the_job(bench: Bench) -> None:
    error, logged = ran(bench, "ask_for_files_forever")
    assert error["code"] == "sandbox-violation"
    assert len([entry for entry in logged if entry["event"] == "sandbox_refused"]) == 20
    assert [entry for entry in logged if entry["event"] == "sandbox_refused_more"]


@pytest.mark.parametrize(
    "attack",
    [
        "one_large_file",
        "many_large_files",
        "many_small_files",
        "deep_folders",
        "files_without_a_name",
        "mapped_files_without_a_name",
        "folders_that_may_not_be_listed",
    ],
)
def test_a_full_disk_is_the_jobs_own(bench: Bench, attack: str) -> None:
    error, _logged = ran(bench, attack, job_disk_bytes=100 * MIB)
    assert error["code"] == "disk-limit"


@pytest.mark.parametrize("attack", ["private_memory", "page_tables"])
def test_memory_is_limited(bench: Bench, attack: str) -> None:
    error, _logged = ran(bench, attack, job_memory_bytes=300 * MIB)
    assert error["code"] == "out-of-memory"


def test_shared_memory_is_refused(bench: Bench) -> None:
    """Whoever gives it back but for a byte keeps it, and nothing would count it."""
    error, logged = ran(bench, "shared_memory")
    assert error["code"] == "sandbox-violation"
    refused = [entry for entry in logged if entry["event"] == "sandbox_refused"]
    assert (refused[0]["call"], refused[0]["hostile"]) == ("mmap", False)


def test_shared_memory_is_memory_where_nothing_refuses_it(bench: Bench) -> None:
    """And no file without a name, as which the kernel shows it."""
    small = {"job_memory_bytes": 300 * MIB, "job_disk_bytes": MIB}
    error, _logged = ran(bench, "shared_memory", sandbox="off", **small)
    assert error["code"] == "out-of-memory"


def test_threads_are_limited(bench: Bench) -> None:
    error, _logged = ran(bench, "threads", job_memory_bytes=0)
    assert error["code"] == "sandbox-violation"
    assert "threads" in error["message"]


def test_a_cancel_ends_a_child_that_ignores_signals(
    bench: Bench,
    background: Callable[..., Thread],
    wait_for_event: Callable[[str, str], EventRecord],
) -> None:
    defense = bench.queued()
    thread = background(attacker(bench, "ignore_signals").run, defense)
    wait_for_event(defense, "warning")
    bench.cancel(defense)
    thread.join(60)
    assert bench.row(defense).status == Status.CANCELLED
    assert bench.job_folders() == []


def test_time_is_limited(bench: Bench) -> None:
    error, _logged = ran(bench, "ignore_signals", job_timeout_seconds=1.0)
    assert error["code"] == "timeout"
