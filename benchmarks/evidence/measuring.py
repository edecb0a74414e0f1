"""Repairs and examines one model. The trigger is only used to say what is true."""

from __future__ import annotations

import time
from dataclasses import asdict

import torch

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.draws import draw
from benchmarks.evidence.rows import Row
from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.evidence import ClassEvidence, examine
from polarizer.images import LabelledImages
from polarizer.metrics import predict
from polarizer.purification import purify


def measured(bench: Backdoored, images: int) -> Row:
    """With the default settings, and ``images`` clean images or all that there are."""
    clean = draw(bench.clean, images, seed=0)
    began = time.process_time()
    purification = purify(bench.classifier, clean, PurifyConfig())
    return examined(bench, clean, purification.classifier, time.process_time() - began)


def examined(
    bench: Backdoored, clean: LabelledImages, purified: Classifier, purify_seconds: float
) -> Row:
    """Of a model that was repaired with ``clean`` before."""
    base = bench.classifier
    began = time.process_time()
    search, _ = clean.split(PurifyConfig().holdout, torch.Generator().manual_seed(0))
    found = examine(base, purified, bench.test, search=search)
    ended = time.process_time()
    both = (base, purified)
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
        purify_seconds=round(purify_seconds, 2),
        examine_seconds=round(ended - began, 2),
    )


def _target(bench: Backdoored) -> int | str:
    targets = torch.unique(bench.targets)
    return int(targets[0]) if len(targets) == 1 else "next"


def _numbers(one: ClassEvidence) -> dict[str, float | None]:
    numbers = asdict(one).items()
    return {name: None if value is None else round(value, 3) for name, value in numbers}


def _shares(hits: list[torch.Tensor]) -> tuple[float, float]:
    before, after = (round(hit.float().mean().item(), 4) for hit in hits)
    return before, after
