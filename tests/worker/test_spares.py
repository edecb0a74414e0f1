"""Warm children: ready before there is a job, used once, gone with the worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from confinement import missing_parts
from service.defenses.states import Status
from tests.waiting import wait_until
from tests.worker.conftest import Bench
from worker.process import Child
from worker.runner import Runner
from worker.spares import Spares, dismiss

Keep = Callable[..., Runner]


def ready(runner: Runner) -> Child:
    """The spare that will be taken next, once it is there."""
    return wait_until(lambda: next(iter(list(runner.spares._ready)), None))


@pytest.fixture
def keep(bench: Bench) -> Iterator[Keep]:
    """A runner that keeps one spare; its child is a script of ``tests/worker/children`` or a whole
    command."""
    with ExitStack() as held:

        def kept(child: str = "well_behaved", *command: str, **settings: Any) -> Runner:
            runner = bench.runner(child, **settings)
            script = command or (sys.executable, "-P", "-m", f"tests.worker.children.{child}")
            runner.spares = Spares(runner._settings, bench.workplace, script, 1)
            held.enter_context(runner.spares.kept())
            return runner

        yield kept


def folders(bench: Bench) -> set[str]:
    return {path.name for path in bench.workplace.folder.iterdir() if path.is_dir()}


def test_a_job_is_done_by_the_child_that_waits_for_it(bench: Bench, keep: Keep) -> None:
    runner = keep()
    spare = ready(runner)
    assert not (spare.folder / "job.json").exists()
    runner.run(defense := bench.queued())
    assert bench.row(defense).status == Status.SUCCEEDED
    assert not spare.folder.exists()
    assert spare.has_ended()


def test_every_job_has_a_child_of_its_own(bench: Bench, keep: Keep) -> None:
    runner = keep()
    used = []
    for _ in range(3):
        used.append(ready(runner))
        runner.run(defense := bench.queued())
        assert bench.row(defense).status == Status.SUCCEEDED
    assert len({spare.pid for spare in used}) == 3
    assert len({spare.folder for spare in used}) == 3


def test_a_spare_that_died_is_not_used(bench: Bench, keep: Keep) -> None:
    runner = keep()
    spare = ready(runner)
    psutil.Process(spare.pid).kill()
    wait_until(spare.has_ended)
    runner.run(defense := bench.queued())
    assert bench.row(defense).status == Status.SUCCEEDED
    assert not spare.folder.exists()


def test_another_is_started_once_the_job_has_begun(bench: Bench) -> None:
    spares = bench.runner(warm_children=1).spares
    with spares.kept():
        first = wait_until(spares.take)
        assert spares._missing == 0
        spares.has_begun(first)
        second = wait_until(spares.take)
        spares.has_begun(first)  # it may say so again: that is not the other's
        assert spares._missing == 0
        for child in (first, second):
            dismiss(child)


def test_a_job_begins_when_it_purifies(bench: Bench, keep: Keep) -> None:
    runner, begun = keep(), []
    has_begun = runner.spares.has_begun
    spare = ready(runner)

    def remember(child: Child) -> None:
        begun.append((child, child.has_ended()))
        has_begun(child)

    runner.spares.has_begun = remember  # type: ignore[method-assign]
    runner.run(bench.queued())
    assert [child for child, _ended in begun] == [spare, spare]
    assert begun[-1] == (spare, True)


def test_nothing_is_left_of_spares(bench: Bench) -> None:
    runner = bench.runner(warm_children=2)
    with runner.spares.kept():
        wait_until(lambda: len(runner.spares._ready) == 2)
        spares = list(runner.spares._ready)
        assert len(folders(bench)) == 2
    assert folders(bench) == set()
    assert not any(psutil.pid_exists(spare.pid) for spare in spares)


def test_without_spares_there_is_none(bench: Bench) -> None:
    runner = bench.runner()
    with runner.spares.kept():
        assert runner.spares.take() is None
        assert folders(bench) == set()


@pytest.mark.skipif(bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}")
@pytest.mark.parametrize("attack", ["read_users", "connect", "one_large_file"])
def test_a_warm_child_is_held_as_a_cold_one(bench: Bench, keep: Keep, attack: str) -> None:
    """And what it is refused is logged under the job that it got."""
    command = (sys.executable, "-P", "-m", "tests.worker.attacks", attack)
    runner = keep("well_behaved", *command, sandbox="require", job_disk_bytes=100 << 20)
    ready(runner)
    defense = bench.queued()
    with capture_logs(processors=[merge_contextvars]) as logged:
        runner.run(defense)
    error = bench.row(defense).error
    assert error
    expected = "disk-limit" if attack == "one_large_file" else "sandbox-violation"
    assert error["code"] == expected
    refused = [entry for entry in logged if entry["event"] == "sandbox_refused"]
    assert all(entry["job_id"] == defense for entry in refused)
    assert refused or expected == "disk-limit"
