"""Every defense of one model, and every attack on what it gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.draws import draw
from benchmarks.defense.job import Job, defend
from benchmarks.winback.rows import NOTHING, Results, Row
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from polarizer.winback import ReactivationBudget, RetuningBudget, reactivate, retune

ATTACKS = ("white-box", "black-box", "retuning")


@dataclass(frozen=True)
class Plan:
    """What is attacked and how. ``triggered`` images are used, at most; ``images`` are those that
    the defender has."""

    data: Path
    defenses: tuple[str, ...] = ("auto", "ft")
    attacks: tuple[str, ...] = ATTACKS
    images: int = 500
    seeds: tuple[int, ...] = (0,)
    triggered: int = 1000
    reactivation: ReactivationBudget = field(default_factory=ReactivationBudget)
    retuning: RetuningBudget = field(default_factory=RetuningBudget)
    device: str = "cpu"


def attacked(plan: Plan, folder: Path, bench: Backdoored, results: Results) -> Iterator[Row]:
    """The rows that ``results`` lack; a repair is made only when one of its rows is missing."""
    chosen = torch.randperm(len(bench.triggered), generator=torch.Generator().manual_seed(0))
    chosen = chosen[: plan.triggered]
    victims = bench.triggered.select(chosen), bench.targets[chosen]
    for seed in plan.seeds:
        clean = draw(bench.clean, plan.images, seed)
        for defense in (NOTHING, *plan.defenses):
            repaired = cache(lambda of=defense, by=seed: repair(plan, folder, bench, clean, of, by))  # noqa: B023
            for attack in plan.attacks:
                if not results.holds(bench.name, defense, attack, len(clean), seed):
                    found = measure(plan, bench, repaired(), attack, victims, seed)
                    yield Row(bench.name, defense, attack, len(clean), seed, *found)


def repair(
    plan: Plan,
    folder: Path,
    bench: Backdoored,
    clean: LabelledImages,
    defense: str,
    seed: int,
) -> Classifier:
    """What the attacker gets."""
    if defense == NOTHING:
        return bench.classifier
    job = Job(str(folder), str(plan.data), defense, plan.images, seed, plan.device)
    outcome = defend(job, bench.classifier, clean, torch.device(plan.device))
    if outcome.classifier is None:
        raise SystemExit(f"{defense} gives no classifier: {outcome.note}")
    return outcome.classifier


def measure(
    plan: Plan,
    bench: Backdoored,
    classifier: Classifier,
    attack: str,
    victims: tuple[LabelledImages, Tensor],
    seed: int,
) -> tuple[float, float, float, float, int, float]:
    """One attack: what :class:`Row` holds of it. The attacker's clean images are the defender's,
    the others are test images."""
    triggered, targets = victims
    target = int(targets[0]) if bool((targets == targets[0]).all()) else targets
    generator, began = torch.Generator().manual_seed(seed), time.perf_counter()
    if attack == "retuning":
        taught = retune(
            classifier,
            bench.clean,
            triggered,
            target,
            budget=plan.retuning,
            device=plan.device,
            generator=generator,
        )
        found = taught.asr_before, taught.asr_after, taught.new_trigger, taught.won_back
        return *found, taught.measured_on, time.perf_counter() - began
    opened = reactivate(
        classifier,
        triggered,
        bench.test.select(torch.arange(min(len(bench.test), 2 * plan.triggered))),
        target,
        budget=plan.reactivation,
        access=attack,
        device=plan.device,
        generator=generator,
    )
    found = opened.asr_before, opened.asr_after, opened.control, opened.won_back
    return *found, opened.measured_on, time.perf_counter() - began
