from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.job import Job, execute, measures, run_apart
from benchmarks.defense.memory import peak_memory
from tests.benchmarks.defense.test_rows import ROW

JOB = Job("folder", "data", "stage", images=40, seed=0, settings={"steps": 2, "check_every": 0})


def test_measures_use_the_target_of_each_image(bench: Backdoored) -> None:
    before = measures(bench.classifier, bench, torch.device("cpu"))
    assert before["attack_success"] > 0.9
    assert before["recovered"] < 0.1
    true_labels = replace(bench, targets=bench.triggered.labels)
    swapped = measures(bench.classifier, true_labels, torch.device("cpu"))
    assert swapped["attack_success"] == before["recovered"]


def test_doing_nothing_measures_the_model(bench: Backdoored) -> None:
    assert execute(replace(JOB, defense="none"), bench) == {
        **measures(bench.classifier, bench, torch.device("cpu")),
        "seconds": 0.0,
    }


@pytest.mark.parametrize("defense", ["stage", "ft"])
def test_a_defense_is_timed_and_measured(defense: str, bench: Backdoored) -> None:
    done = execute(replace(JOB, defense=defense, share=0.02), bench)
    assert done["share"] == (1 if defense == "stage" else 0.02)
    assert done["seconds"] > 0
    assert 0 <= done["attack_success"] <= 1


def test_a_part_of_a_rival_may_be_timed_without_being_judged(bench: Backdoored) -> None:
    part = execute(replace(JOB, defense="ft", share=0.02, timed=True), bench)
    assert part["seconds"] > 0
    assert "accuracy" not in part
    ours = execute(replace(JOB, timed=True), bench)
    assert ours["accuracy"] > 0


def test_what_does_not_apply_is_a_problem_not_a_crash(bench: Backdoored, tmp_path: Path) -> None:
    official = replace(JOB, defense="official_npd", backdoorbench=str(tmp_path))
    assert "PreAct-ResNet18" in execute(official, bench)["problem"]
    assert "defence" in execute(replace(JOB, defense="defence"), bench)["problem"]


def test_a_process_that_dies_becomes_a_problem() -> None:
    row = run_apart(replace(JOB, folder="nowhere"), ROW)
    assert "nowhere" in row.problem
    assert row.model == ROW.model


def test_peak_memory_sees_what_was_held_and_given_back() -> None:
    with peak_memory(torch.device("cpu")) as peak:
        torch.ones(25_000_000).sum()
    assert peak.megabytes is None or 90 < peak.megabytes < 300
    with peak_memory(torch.device("cpu")) as idle:
        pass
    assert idle.megabytes is None or idle.megabytes < 50
