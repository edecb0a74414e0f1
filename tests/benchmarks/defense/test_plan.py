from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.job import Job
from benchmarks.defense.plan import Plan, jobs, run
from benchmarks.defense.rows import Results, Row, read_results

PLAN = Plan(
    data=Path("data"),
    methods=("stage",),
    rivals=("ft", "ft_sam", "official_npd"),
    images=(500, 50),
    seeds=(0, 1, 2),
    settings={"steps": 3},
    share=0.1,
    backdoorbench=Path("bench"),
)


class Executor:
    """Instead of processes: notes the jobs, fails at the one it is told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.done: list[Job] = []
        self._stop_at = stop_at

    def __call__(self, job: Job, row: Row, timeout: float | None) -> Row:
        if len(self.done) == self._stop_at:
            raise KeyboardInterrupt
        self.done.append(job)
        measured = replace(row, accuracy=0.9, attack_success=0.5, seconds=1.0)
        return replace(row, problem="no") if job.defense == "ft_sam" else measured


def results(tmp_path: Path) -> Results:
    path = tmp_path / "out.json"
    return Results(path, {}, read_results(path).rows if path.exists() else [])


def test_defenses_take_turns_on_each_draw_and_in_beginning() -> None:
    first, *listed = jobs(PLAN, Path("m"), 2500)
    assert (first.defense, first.images) == ("none", 0)
    draws = [(job.images, job.seed) for job in listed]
    assert draws == sorted(draws, key=lambda draw: (-draw[0], draw[1]))
    beginners = [job.defense for job in listed if job.seed in (1, 2)][::3]
    assert len(set(beginners)) > 1


def test_a_timing_is_made_once_and_a_full_run_with_every_seed() -> None:
    times = Counter(job.defense for job in jobs(PLAN, Path("m"), 2500))
    assert times == {"none": 1, "stage": 6, "ft": 6, "ft_sam": 6, "official_npd": 2}
    full = replace(PLAN, official_full=True)
    assert Counter(job.defense for job in jobs(full, Path("m"), 2500))["official_npd"] == 6


def test_rivals_that_are_only_timed_run_once_and_ours_with_every_seed() -> None:
    listed = list(jobs(replace(PLAN, timed=True), Path("m"), 2500))
    times = Counter(job.defense for job in listed)
    assert times == {"none": 1, "stage": 6, "ft": 2, "ft_sam": 2, "official_npd": 2}
    assert {job.defense for job in listed if job.timed} == {"ft", "ft_sam", "official_npd"}
    whole = Counter(job.defense for job in jobs(replace(PLAN, timed=True, share=1), Path("m"), 500))
    assert whole["ft"] == 6


def test_settings_are_for_ours_and_the_share_for_rivals() -> None:
    for job in jobs(PLAN, Path("m"), 2500):
        ours = job.defense in ("stage", "none")
        assert job.settings == ({"steps": 3} if ours else {})
        assert job.share == (1 if ours else 0.1)


def test_without_a_checkout_the_official_npd_is_left_out() -> None:
    assert replace(PLAN, backdoorbench=None).defenses == ("stage", "ft", "ft_sam")


def test_a_killed_run_keeps_its_rows_and_goes_on(tmp_path: Path, bench: Backdoored) -> None:
    killed = Executor(stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        run(PLAN, Path("m"), bench, results(tmp_path), lambda row: None, killed)
    assert len(read_results(tmp_path / "out.json").rows) == 5
    resumed = Executor()
    run(PLAN, Path("m"), bench, results(tmp_path), lambda row: None, resumed)
    finished = {job for job in map(_name, killed.done) if job[0] != "ft_sam"}
    assert not finished & set(map(_name, resumed.done))
    every = {_name(job) for job in jobs(PLAN, Path("m"), len(bench.clean))}
    assert every == set(map(_name, killed.done)) | set(map(_name, resumed.done))


def test_rows_know_what_the_model_was_before(tmp_path: Path, bench: Backdoored) -> None:
    kept = results(tmp_path)
    run(PLAN, Path("m"), bench, kept, lambda row: None, Executor())
    measured = [row for row in kept.rows if row.defense != "none"]
    assert {row.accuracy_before for row in measured} == {0.9}
    assert {row.images for row in measured} == {120, 50}
    assert {row.problem for row in measured if row.defense == "ft_sam"} == {"no"}


def test_a_model_that_cannot_be_measured_stops_the_run(tmp_path: Path, bench: Backdoored) -> None:
    with pytest.raises(RuntimeError, match="bars"):
        run(
            PLAN,
            Path("m"),
            bench,
            results(tmp_path),
            lambda row: None,
            lambda job, row, timeout: replace(row, problem="broken"),
        )


def _name(job: Job) -> tuple[str, int, int]:
    return job.defense, job.images, job.seed
