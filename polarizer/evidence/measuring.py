"""What inverted triggers do to images that they were not inverted on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.evidence.inversion import PASS, with_triggers
from polarizer.images import LabelledImages

LADDER = (0.2, 0.3, 0.5, 0.8, 1.0)
"""Scales of a trigger at which it is tried: finer where doors are."""

HALF = 0.5
MOST = 0.9


def predictions(
    classifier: Classifier,
    triggers: Tensor,
    images: LabelledImages,
    device: torch.device,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """The class of every image with every trigger, int64 (T, N); ``tick`` after each trigger."""
    marks = [partial(with_triggers, one.to(device)) for one in torch.split(triggers, 1)]
    return predictions_of(classifier, marks, images, device, tick)


def predictions_of(
    classifier: Classifier,
    marks: Iterable[Callable[[Tensor], Tensor]],
    images: LabelledImages,
    device: torch.device,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """The same with whatever each of ``marks`` does to pixels (N, C, H, W)."""
    rows = []
    with torch.inference_mode():
        for mark in marks:
            parts = []
            for indices in torch.split(torch.arange(len(images)), PASS):
                pixels = images.pixels(indices).to(device)
                parts.append(classifier(mark(pixels)).argmax(1).cpu())
            rows.append(torch.cat(parts))
            tick()
    return torch.stack(rows)


def flip_rate(predicted: Tensor, labels: Tensor, target: int) -> float:
    """The share of images (N,) of other classes that are given ``target``."""
    others = predicted[labels != target]
    return (others == target).float().mean().item() if len(others) else 0.0


def norm_of_half(rates: Sequence[float], bound: float) -> float:
    """The norm at which a trigger flips half of the images, from its rates along the ladder.

    Linear between the rungs; beyond the last one extrapolated, up to twice ``bound``.
    """
    below, rate_below = 0.0, 0.0
    for scale, rate in zip(LADDER, rates, strict=True):
        if rate >= HALF:
            part = (HALF - rate_below) / (rate - rate_below)
            return bound * (below + part * (scale - below))
        below, rate_below = scale, rate
    return bound * (2 - rates[-1] / HALF)


def rung_of_most(rates: Sequence[float]) -> int:
    """The first rung at which nearly all images flip, or the last one."""
    return next((rung for rung, rate in enumerate(rates) if rate >= MOST), len(LADDER) - 1)


def lead(norms: Sequence[float]) -> float:
    """How far the smallest of ``norms`` lies below the next larger one, as a logarithm."""
    first, second, *_ = sorted(norms)
    return math.log(second / first)


def anomalies(norms: Sequence[float], least_spread: float) -> list[float]:
    """How far each norm lies below the median, in robust standard deviations of the logarithm.

    ``least_spread`` bounds the standard deviation from below: classes that are alike by chance
    would otherwise make an anomaly of nothing.
    """
    logarithms = [math.log(norm) for norm in norms]
    middle = median(logarithms)
    spread = 1.4826 * median([abs(value - middle) for value in logarithms])
    return [(middle - value) / max(spread, least_spread) for value in logarithms]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    return torch.tensor(values, dtype=torch.float64).quantile(0.5).item()
