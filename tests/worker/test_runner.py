"""The runner and its children: one outcome for every end, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

import psutil
import pytest

from service.defenses import lifecycle
from service.defenses.reaper import Reaper
from service.defenses.report import Report
from service.defenses.states import Stage, Status
from service.errors import UnavailableError
from service.records import BlobRecord, EventRecord, InputRecord
from tests.waiting import wait_until
from tests.worker.conftest import Bench
from worker import patience, supervision
from worker.runner import Runner

Background = Callable[..., threading.Thread]
WaitForEvent = Callable[[str, str], EventRecord]


def failure(bench: Bench, defense_id: str) -> tuple[str, str]:
    row = bench.row(defense_id)
    assert row.status == Status.FAILED
    assert row.error
    return row.error["code"], row.error["message"]


def is_gone(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_good_child_leaves_one_model(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner().run(defense)
    row = bench.row(defense)
    assert row.status == Status.SUCCEEDED
    assert row.progress == 1.0
    assert row.numbers == {"accuracy_before": 0.9, "accuracy_after": 0.8}
    (model,) = bench.models()
    assert (model.defense_id, model.name, model.method) == (defense, "mine", "auto")
    content = b"".join(bench.blobs.read(model.blob))
    assert content == b"purified " + defense.encode()
    assert bench.job_folders() == []


def test_the_report_says_what_the_runner_knows(bench: Bench) -> None:
    """The child names another defense, another seed, other digests."""
    defense = bench.queued(config={"seed": 3})
    bench.runner().run(defense)
    blob = bench.row(defense).report
    assert blob
    report = Report.model_validate_json(b"".join(bench.blobs.read(blob)))
    assert (report.defense_id, report.attempt, report.config.seed) == (defense, 1, 3)
    assert report.inputs["model"].sha256 == hashlib.sha256(b"a model").hexdigest()
    assert report.artefact.sha256 == bench.models()[0].blob.sha256


def test_an_alarm_is_stored_beside_the_model(bench: Bench) -> None:
    bench.runner("sets_an_alarm").run(bench.queued())
    (model,) = bench.models()
    assert model.alarm == {"threshold": 1.5, "images": 99, "flagged": 0, "rate": 0.01}
    assert model.alarm_on
    assert model.alarm_blob
    assert b"".join(bench.blobs.read(model.alarm_blob)) == b"as it was"
    bench.blobs.sweep(-1)
    assert b"".join(bench.blobs.read(model.alarm_blob)) == b"as it was"


def test_events_arrive_in_order(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner().run(defense)
    stages = [event.data["stage"] for event in bench.events(defense, "stage")]
    assert stages == [stage.value for stage in Stage]
    kinds = [event.type for event in bench.events(defense)]
    assert kinds[0] == kinds[-1] == "status"
    assert {"warning", "measured", "progress"} <= set(kinds)
    assert [event.sequence for event in bench.events(defense)] == list(range(1, len(kinds) + 1))


@pytest.mark.parametrize(
    ("child", "code", "words"),
    [
        ("raises", "child-crashed", "status 1"),
        ("says_failed", "dataset-labels", "every clean image is of class 3"),
        ("kills_itself", "out-of-memory", "SIGKILL"),
        ("crashes", "child-crashed", "SIGSEGV"),
        ("writes_nothing", "child-crashed", "out/model.safetensors"),
        ("writes_no_artefact", "child-crashed", "out/model.safetensors"),
        ("writes_an_empty_artefact", "child-crashed", "empty"),
        ("promises_an_alarm", "child-crashed", "out/alarm.safetensors"),
        ("writes_a_strange_report", "child-crashed", "accuracy_after"),
        ("links_to_elsewhere", "child-crashed", "out/model.safetensors"),
        ("links_its_outputs", "child-crashed", "out/model.safetensors"),
        ("leaves_a_pipe", "child-crashed", "no regular file"),
        ("floods", "child-crashed", "messages"),
    ],
)
def test_a_bad_child_fails_its_job_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, child: str, code: str, words: str
) -> None:
    monkeypatch.setattr(supervision, "MAX_OUTPUT", 4 << 20)
    defense = bench.queued()
    bench.runner(child).run(defense)
    found, message = failure(bench, defense)
    assert found == code
    assert words in message
    assert "secret" not in message
    assert bench.models() == []
    assert bench.job_folders() == []
    bench.runner().run(next_one := bench.queued())
    assert bench.row(next_one).status == Status.SUCCEEDED


def test_noise_is_not_believed(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner("prints_garbage").run(defense)
    assert bench.row(defense).status == Status.SUCCEEDED
    stages = [event.data["stage"] for event in bench.events(defense, "stage")]
    assert stages == ["fetching", "purifying", "storing"]
    assert bench.events(defense, "measured") == []
    assert len(bench.events(defense, "warning")) == 50


def test_a_child_that_does_not_leave_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "EXIT_GRACE", 0.1)
    defense = bench.queued()
    bench.runner("never_leaves").run(defense)
    assert bench.row(defense).status == Status.SUCCEEDED


def test_no_grandchild_survives(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner("leaves_a_grandchild").run(defense)
    assert bench.row(defense).status == Status.SUCCEEDED
    (warning,) = bench.events(defense, "warning")
    wait_until(lambda: is_gone(warning.data["message"]))


def test_a_folder_that_resists_is_removed(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner("resists_removal").run(defense)
    error = bench.row(defense).error
    assert error
    assert error["code"] == "disk-limit"
    assert bench.job_folders() == []


def test_the_child_sees_no_credential(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLARIZER_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    defense = bench.queued()
    bench.runner("shows_its_environment").run(defense)
    said = [(event.data["code"], event.data["message"]) for event in bench.events(defense)[3:-1]]
    names = {message.partition("=")[0] for code, message in said if code == "environment"}
    assert {"PATH", "HOME"} <= names
    assert not [name for name in names if name.startswith(("POLARIZER", "AWS", "PG"))]
    assert not [message for _, message in said if "hunter2" in message]
    assert {message for code, message in said if code == "descriptor"} == {"0", "1", "2", "3"}


def test_a_cancelled_child_is_killed_with_all_it_started(
    bench: Bench, background: Background, wait_for_event: WaitForEvent
) -> None:
    defense = bench.queued()
    thread = background(bench.runner("hangs").run, defense)
    pid = wait_for_event(defense, "warning").data["message"]
    bench.cancel(defense)
    thread.join(20)
    assert bench.row(defense).status == Status.CANCELLED
    wait_until(lambda: is_gone(pid))
    assert bench.job_folders() == []


def test_a_child_that_hangs_is_killed_in_the_end(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner("hangs", job_timeout_seconds=0.5).run(defense)
    code, message = failure(bench, defense)
    assert code == "timeout"
    assert "0.5 seconds" in message


def test_a_shutdown_gives_the_job_back(
    bench: Bench, background: Background, wait_for_event: WaitForEvent
) -> None:
    defense = bench.queued()
    thread = background(bench.runner("hangs").run, defense)
    pid = wait_for_event(defense, "warning").data["message"]
    bench.shutdown.set()
    thread.join(20)
    row = bench.row(defense)
    assert (row.status, row.worker, row.lease_until) == (Status.QUEUED, None, None)
    assert bench.queue.woken == [defense]
    wait_until(lambda: is_gone(pid))


def test_a_child_that_is_told_to_end_with_its_worker_has_not_failed(
    bench: Bench, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systemd does it. Which of the two hears of it first is chance."""
    monkeypatch.setattr("worker.attempt.NOTICE_SECONDS", 60.0)
    defense = bench.queued()
    running = background(bench.runner("is_told_to_end").run, defense)
    wait_until(lambda: bench.events(defense, "stage")[1:])
    bench.shutdown.set()
    running.join(60)
    assert bench.row(defense).status == Status.QUEUED


def test_a_child_that_somebody_ended_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.attempt.NOTICE_SECONDS", 0.0)
    defense = bench.queued()
    bench.runner("is_told_to_end").run(defense)
    code, message = failure(bench, defense)
    assert code == "child-crashed"
    assert "SIGTERM" in message


def test_a_full_disk_is_no_fault_of_the_job(bench: Bench) -> None:
    defense = bench.queued()
    runner = bench.runner("finds_the_disk_full", max_attempts=2)
    runner.run(defense)
    assert bench.row(defense).status == Status.QUEUED
    runner.run(defense)
    assert failure(bench, defense)[0] == "unavailable"


def test_no_job_is_taken_while_shutting_down(bench: Bench) -> None:
    defense = bench.queued()
    bench.shutdown.set()
    bench.runner().run(defense)
    assert bench.row(defense).attempt == 0


def test_a_run_that_lost_its_lease_writes_nothing(
    bench: Bench, background: Background, wait_for_event: WaitForEvent
) -> None:
    defense = bench.queued()
    thread = background(bench.runner("hangs").run, defense)
    pid = wait_for_event(defense, "warning").data["message"]
    with bench.database.write() as session:  # as the reaper and another worker do
        lifecycle.hand_back(session, lifecycle.Lease(defense, 1))
        lifecycle.claim(session, defense, worker="another", seconds=60)
    thread.join(20)
    row = bench.row(defense)
    assert (row.status, row.worker, row.attempt) == (Status.RUNNING, "another", 2)
    wait_until(lambda: is_gone(pid))
    assert bench.job_folders() == []


def test_a_cancel_at_the_last_moment_wins(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    defense = bench.queued()
    keep_all = bench.blobs.__class__.keep_all

    def cancel_first(self, files, **owner):  # type: ignore[no-untyped-def]
        if bench.row(defense).status == Status.RUNNING:
            bench.cancel(defense)
        return keep_all(self, files, **owner)

    monkeypatch.setattr(bench.blobs.__class__, "keep_all", cancel_first)
    bench.runner().run(defense)
    assert bench.row(defense).status == Status.CANCELLED
    assert bench.models() == []


def test_the_same_message_twice_runs_once(bench: Bench) -> None:
    defense = bench.queued()
    bench.runner().run(defense)
    bench.runner().run(defense)
    bench.runner().run("def_of_nobody")
    assert bench.row(defense).attempt == 1
    assert len(bench.models()) == 1


def test_one_message_in_two_workers_runs_once(bench: Bench, background: Background) -> None:
    defense = bench.queued()
    threads = [background(bench.runner().run, defense) for _ in range(4)]
    for thread in threads:
        thread.join(60)
    assert bench.row(defense).attempt == 1
    assert len(bench.models()) == 1


def test_a_lost_blob_fails_the_job(bench: Bench) -> None:
    defense = bench.queued()
    blob = bench.row(defense).inputs[0].blob
    assert blob
    bench.store.delete(blob.key)
    bench.runner().run(defense)
    code, message = failure(bench, defense)
    assert code == "lost-blob"
    assert "clean" in message


def test_a_damaged_blob_fails_the_job(bench: Bench) -> None:
    defense = bench.queued()
    blob = bench.row(defense).inputs[0].blob
    assert blob
    path = bench.settings.data_dir / "damaged"
    path.write_bytes(b"others")
    bench.store.put(blob.key, path)
    bench.runner().run(defense)
    assert failure(bench, defense)[0] == "lost-blob"


def _refuses(bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> None:
    """The store is away for the next calls of a method; patience takes no time."""
    kind = type(bench.store)
    real = getattr(kind, method)
    left = [times]

    def away(self, *arguments):  # type: ignore[no-untyped-def]
        if left[0]:
            left[0] -= 1
            raise UnavailableError("the object store cannot be reached")
        return real(self, *arguments)

    monkeypatch.setattr(kind, method, away)
    monkeypatch.setattr(patience, "PAUSES", (0.01, 0.01))


@pytest.mark.parametrize(("method", "times"), [("read", 2), ("put", 2), ("put", 30)])
def test_a_store_that_is_away_for_a_while_does_no_harm(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, times: int
) -> None:
    """For longer when the work is done than before it is begun."""
    defense = bench.queued()
    _refuses(bench, monkeypatch, method, times)
    bench.runner().run(defense)
    assert bench.row(defense).status == Status.SUCCEEDED


@pytest.mark.parametrize("method", ["read", "put"])
def test_a_store_that_stays_away_costs_an_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    defense = bench.queued()
    _refuses(bench, monkeypatch, method, 1000)
    runner = bench.runner(max_attempts=2)
    runner.run(defense)
    assert bench.row(defense).status == Status.QUEUED
    assert bench.queue.woken == []  # the reaper wakes, later
    runner.run(defense)
    code, message = failure(bench, defense)
    assert code == "unavailable"
    assert "2 attempts" in message


@pytest.mark.parametrize("times", [1, 30])
def test_a_database_that_is_away_at_the_end_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    defense = bench.queued()
    monkeypatch.setattr(patience, "PAUSES", (0.01, 0.01))
    succeed, tries = lifecycle.succeed, []

    def away(*arguments, **keywords):  # type: ignore[no-untyped-def]
        tries.append(1)
        if len(tries) <= times:
            raise patience.DATABASE_ERRORS[0]("COMMIT", {}, OSError("server closed the connection"))
        succeed(*arguments, **keywords)

    monkeypatch.setattr(lifecycle, "succeed", away)
    bench.runner().run(defense)
    assert bench.row(defense).status == Status.SUCCEEDED
    assert len(bench.models()) == 1


def test_what_a_dead_attempt_stored_is_swept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies between storing and its last word: both blobs, and no model."""
    defense = bench.queued()
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "_settle", lambda *_: None)
        bench.runner(lease_seconds=0.01).run(defense)
    assert bench.row(defense).status == Status.RUNNING
    assert blob_count(bench) == 4
    reaper = Reaper(bench.settings, bench.database, bench.blobs, bench.queue)  # type: ignore[arg-type]
    wait_until(lambda: defense in reaper.reap())
    bench.runner().run(defense)
    row = bench.row(defense)
    assert (row.status, row.attempt) == (Status.SUCCEEDED, 2)
    assert blob_count(bench) == 5  # the same artefact, another report
    assert bench.blobs.sweep(0) == 1
    assert blob_count(bench) == 4
    assert len(list(bench.store.list())) == 4


def blob_count(bench: Bench) -> int:
    with bench.database.read() as session:
        return session.query(BlobRecord).count()


def test_an_unforeseen_error_fails_the_job_without_details(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("worker.attempt.take_artefact", broken)
    defense = bench.queued()
    bench.runner().run(defense)
    code, message = failure(bench, defense)
    assert code == "internal"
    assert "secret" not in message


def test_a_blob_s_role_names_the_file(bench: Bench) -> None:
    defense = bench.queued({"model": b"m", "clean": b"c", "test": b"t", "triggered": b"x"})
    bench.runner().run(defense)
    blob = bench.row(defense).report
    assert blob
    inputs = json.loads(b"".join(bench.blobs.read(blob)))["inputs"]
    assert {role: facts["filename"] for role, facts in inputs.items()} == {
        role: f"{role}.bin" for role in ("model", "clean", "test", "triggered")
    }
    with bench.database.read() as session:
        assert session.query(InputRecord).count() == 4
