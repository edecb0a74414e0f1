"""Repairs and examines one model. The trigger is only used to say what is true."""

from __future__ import annotations

import time
from dataclasses import asdict

import torch

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.draws import draw
from benchmarks.evidence.rows import Row
from polarizer.config import PurifyConfig
from polarizer.evidence import ClassEvidence, examine
from polarizer.metrics import predict
from polarizer.purification import purify


def measured(bench: Backdoored, images: int) -> Row:
    """With the default settings, and ``images`` clean images or all that there are."""
    clean = draw(bench.clean, images, seed=0)
    base = bench.classifier
    began = time.process_time()
    purification = purify(base, clean, PurifyConfig())
    between = time.process_time()
    search, _ = clean.split(PurifyConfig().holdout, torch.Generator().manual_seed(0))
    found = examine(base, purification.classifier, bench.test, search=search)
    ended = time.process_time()
    both = (base, purification.classifier)
    right = [(predict(model, bench.test) == bench.test.labels) for model in both]
    hit = [(predict(model, bench.triggered) == bench.targets) for model in both]
    control = found.control
    return Row(
        name=bench.name,
        attack=bench.attack,
        target=_target(bench),
        images=len(clean),
        accuracy=_shares(right),
        attack_success=_shares(hit),
        classes=tuple(_numbers(one) for one in found.classes),
        bound=found.bound,
        control=(control.flips_before, control.flips_after, control.new_flips)
        if control
        else (0.0, 0.0, 0.0),
        purify_seconds=round(between - began, 2),
        examine_seconds=round(ended - between, 2),
    )


def _target(bench: Backdoored) -> int | str:
    targets = torch.unique(bench.targets)
    return int(targets[0]) if len(targets) == 1 else "next"


def _numbers(one: ClassEvidence) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(one).items()}


def _shares(hits: list[torch.Tensor]) -> tuple[float, float]:
    before, after = (round(hit.float().mean().item(), 4) for hit in hits)
    return before, after
