"""What a report shows by class, layer and step, from what was computed anyway."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from polarizer.progress import StepDone
from service.defenses.details import (
    MAX_CLASSES,
    MAX_CONFUSED,
    MAX_LAYERS,
    MAX_PICTURES,
    MAX_POINTS,
    MAX_SIDE,
    ClassAccuracy,
    Confusion,
    LayerMovement,
    LossPoint,
    Surrogate,
)
from service.defenses.evidence import EvidenceFacts


def by_class(labels: Tensor, before: Tensor, after: Tensor) -> tuple[ClassAccuracy, ...]:
    """``labels``, and the answers to the same images before and after: int64 (N,)."""
    return tuple(
        ClassAccuracy(
            label=label,
            images=int((labels == label).sum()),
            right_before=int((before[labels == label] == label).sum()),
            right_after=int((after[labels == label] == label).sum()),
        )
        for label in torch.unique(labels)[:MAX_CLASSES].tolist()
    )


def confusion(labels: Tensor, before: Tensor, after: Tensor, classes: int) -> Confusion | None:
    """None where the classes are too many to look at, or nothing was measured."""
    if classes > MAX_CONFUSED or not len(labels):
        return None
    return Confusion(before=_counts(labels, before, classes), after=_counts(labels, after, classes))


def losses(steps: Sequence[StepDone]) -> tuple[LossPoint, ...]:
    """So many of the steps as a curve needs, the first and the last among them."""
    every = max(1, -(-(len(steps) - 1) // (MAX_POINTS - 1)))
    chosen = [*steps[:-1:every], *steps[-1:]]
    return tuple(LossPoint(step=step.step, losses=losses_of(step)) for step in chosen)


def losses_of(step: StepDone) -> dict[str, float]:
    """Those that are finite, by name."""
    named = {
        "total": step.loss,
        "clean": step.clean_loss,
        "consistency": step.consistency_loss,
        "margin": step.margin_loss,
        "target": step.target_loss,
    }
    return {name: value for name, value in named.items() if math.isfinite(value)}


def movement(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Iterator[LayerMovement]:
    """Of the tensors that both files hold under one name; buffers that count are left out."""
    for name in list(before)[:MAX_LAYERS]:
        was, now = before[name], after.get(name)
        if now is None or now.shape != was.shape or not was.is_floating_point():
            continue
        moved = (now.double() - was.double()).norm() / was.double().norm().clamp_min(1e-12)
        if moved.isfinite():
            yield LayerMovement(name=name[:1000], moved=float(moved))


def surrogates(found: EvidenceFacts, triggers: Mapping[int, Tensor]) -> tuple[Surrogate, ...]:
    """Pictures of the ``triggers`` (C, H, W) of some classes: suspects, then the most anomalous."""
    anomaly = {one.label: one.anomaly_before for one in found.classes}
    ranked = sorted(
        (label for label in triggers if label in anomaly),
        key=lambda label: (label not in found.suspects, -anomaly[label]),
    )
    return tuple(_picture(label, triggers[label]) for label in ranked[:MAX_PICTURES])


def _counts(labels: Tensor, answers: Tensor, classes: int) -> tuple[tuple[int, ...], ...]:
    counted = torch.bincount(labels * classes + answers, minlength=classes * classes)
    return tuple(tuple(row) for row in counted.view(classes, classes).tolist())


def _picture(label: int, trigger: Tensor) -> Surrogate:
    """Stretched about grey; channels that are no colours are averaged."""
    if len(trigger) != 3:
        trigger = trigger.mean(0, keepdim=True).expand(3, -1, -1)
    trigger = _smaller(trigger)
    stretched = trigger / trigger.abs().max().clamp_min(1e-12)
    pixels = (127.5 + 127.5 * stretched).round().clamp(0, 255).to(torch.uint8)
    return Surrogate(
        label=label,
        height=pixels.shape[1],
        width=pixels.shape[2],
        pixels=base64.b64encode(pixels.permute(1, 2, 0).contiguous().numpy().tobytes()).decode(),
    )


def _smaller(trigger: Tensor) -> Tensor:
    height, width = trigger.shape[1:]
    scale = min(1.0, MAX_SIDE / max(height, width))
    if scale == 1.0:
        return trigger
    return adaptive_avg_pool2d(
        trigger, (max(1, round(scale * height)), max(1, round(scale * width)))
    )
