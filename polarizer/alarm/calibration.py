"""How much disagreement is too much, from clean images that nothing was trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from polarizer.alarm.facts import Calibration
from polarizer.errors import DatasetImagesError

ALARM_RATE = 0.01


def disagreement(purified: Tensor, base: Tensor) -> Tensor:
    """How confidently two models differ, ``(N,)``, from their logits ``(N, K)``.

    The margin by which each prefers its own class to the other's, added up; 0 where both choose
    the same class. In logits and not in probabilities, which lie so close to 1 that they tie.
    """
    ours = purified.argmax(1, keepdim=True)
    theirs = base.argmax(1, keepdim=True)
    margin = purified.gather(1, ours) - purified.gather(1, theirs)
    margin_before = base.gather(1, theirs) - base.gather(1, ours)
    return (margin + margin_before).squeeze(1)


def calibrate(purified: Tensor, base: Tensor, *, rate: float = ALARM_RATE) -> Calibration:
    """The lowest threshold that flags at most a share ``rate`` of clean images.

    ``purified`` and ``base`` are logits ``(N, K)`` of the same held-out clean images. As in split
    conformal prediction (Vovk et al., 2005), the bound holds on average over such sets: with
    ``k`` of ``n`` scores above the threshold a new clean image is above it with a probability of
    at most ``(k + 1) / (n + 1)``. Where ``n`` is too small for ``rate`` the result says the rate
    that can be promised. Raises :class:`DatasetImagesError` for an empty set.
    """
    count = len(purified)
    if not count:
        raise DatasetImagesError("the alarm needs held-out clean images to be calibrated on")
    above = max(0, math.floor(rate * (count + 1)) - 1)
    scores = disagreement(purified.float(), base.float()).sort(descending=True).values
    threshold = float(scores[above])
    return Calibration(
        threshold=threshold,
        images=count,
        flagged=int(torch.count_nonzero(scores > threshold)),
        rate=(above + 1) / (count + 1),
    )
