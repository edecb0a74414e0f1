"""Small CNNs on digits to judge the verdict by: clean ones and backdoored ones in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.attacks.attack import ATTACKS
from benchmarks.attacks.making import Maker
from benchmarks.attacks.plan import Plan
from benchmarks.attacks.suites import digits
from benchmarks.attacks.training import Machine

CLEAN_SEEDS = range(20)
ATTACK_SEEDS = range(2)
_EPOCHS = 12


def make(work: Path, data: Path, most: int) -> Iterator[Path]:
    """The folders of at most so many models, each made when it is not there yet."""
    maker = Maker(work, data, Machine(torch.device("cpu"), None))
    for _, plan in zip(range(most), plans(), strict=False):
        if not (work / plan.name / "attack.json").exists():
            maker.make(plan)
        yield work / plan.name


def plans() -> Iterator[Plan]:
    """Twenty without a backdoor, and every attack twice, each with another target class."""
    small = {plan.attack.name: plan for plan in digits() if "small_cnn" in plan.name}
    attacks = [name for name in ATTACKS if name != "clean"]
    backdoored = [(name, seed) for seed in ATTACK_SEEDS for name in attacks]
    for number, (name, seed) in enumerate(backdoored):
        if number in CLEAN_SEEDS:
            yield _seeded(small["clean"], number, 0)
        yield _seeded(small[name], seed, number % 10)


def _seeded(plan: Plan, seed: int, target: int) -> Plan:
    attack = plan.attack
    if attack.name != "clean" and attack.target != "next":
        attack = replace(attack, target=target)
    recipe = replace(plan.recipe, epochs=_EPOCHS)
    return replace(plan, name=f"{plan.name}-{seed}", seed=seed, attack=attack, recipe=recipe)
