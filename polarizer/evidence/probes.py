"""The probes, from inverted triggers and patches to numbers a class and a control."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.evidence.measuring import (
    LADDER,
    anomalies,
    flip_rate,
    median,
    norm_of_half,
    predictions,
    predictions_of,
    rung_of_most,
)
from polarizer.evidence.patch_search import Targeted, patches_of
from polarizer.evidence.results import ClassEvidence, Control
from polarizer.evidence.verdict import LEAST_SPREAD
from polarizer.images import LabelledImages
from polarizer.squares import Squares, pasted


@dataclass(frozen=True, eq=False)
class Pair:
    """The model before and after, on one device."""

    base: Classifier
    purified: Classifier
    device: torch.device


@dataclass(frozen=True, eq=False)
class Probes:
    """``old`` were inverted on the base model, ``new`` on the purified one: (T + 1, C, H, W), a
    trigger for each of ``labels`` and the control's; so were the patches, for some of the labels.
    ``tick`` is called for each trigger and patch tried.
    """

    pair: Pair
    images: LabelledImages
    bound: float
    labels: Sequence[int]
    old: Tensor
    new: Tensor
    old_patches: Targeted
    new_patches: Targeted
    tick: Callable[[], None]

    def classes(self) -> list[ClassEvidence]:
        """Probes (a) and (b)."""
        before = self._along_ladder(self.pair.base, self.old[:-1])
        after = self._along_ladder(self.pair.purified, self.new[:-1])
        rungs = [rung_of_most(rates) for rates in before]
        scales = torch.tensor([LADDER[rung] for rung in rungs])
        still = self._rates(self.pair.purified, self.old[:-1] * scales[:, None, None, None])
        norms = [[norm_of_half(rates, self.bound) for rates in side] for side in (before, after)]
        anomalous = [anomalies(side, LEAST_SPREAD) for side in norms]
        gains = _gains(*norms)
        patched = self._patched()
        return [
            ClassEvidence(
                label=label,
                norm_before=norms[0][i],
                norm_after=norms[1][i],
                anomaly_before=anomalous[0][i],
                anomaly_after=anomalous[1][i],
                gain=gains[i],
                surrogate_norm=self.bound * LADDER[rungs[i]],
                flips_before=before[i][rungs[i]],
                flips_after=still[i],
                new_flips=after[i][rungs[i]],
                **patched[label],
            )
            for i, label in enumerate(self.labels)
        ]

    def control(self) -> Control:
        """Probe (c)."""
        base, purified = self.pair.base, self.pair.purified
        return Control(
            norm=self.bound,
            flips_before=self._changed(base, self.old[-1:]),
            flips_after=self._changed(purified, self.old[-1:]),
            new_flips=self._changed(purified, self.new[-1:]),
        )

    def _patched(self) -> dict[int, dict[str, float | None]]:
        """By class the shares of the best patch found on the base model, and of a new one."""
        old, new = self.old_patches, self.new_patches
        before = self._of_patches(self.pair.base, old)
        after = self._of_patches(self.pair.purified, old)
        anew = self._of_patches(self.pair.purified, new)
        shares: dict[int, dict[str, float | None]] = {}
        for label in self.labels:
            best = _best(old, label, before)
            again = _best(new, label, anew)
            shares[label] = {
                "patch_before": None if best is None else before[best],
                "patch_after": None if best is None else after[best],
                "new_patch": None if again is None else anew[again],
            }
        return shares

    def _of_patches(self, classifier: Classifier, found: Targeted) -> list[float]:
        marks = [
            partial(pasted, patches=Squares(one.values.to(self.pair.device), one.places))
            for one in found.patches.split(1)
        ]
        rows = predictions_of(classifier, marks, self.images, self.pair.device, self.tick)
        targets = found.targets.tolist()
        labels = self.images.labels
        return [flip_rate(row, labels, to) for row, to in zip(rows, targets, strict=True)]

    def _along_ladder(self, classifier: Classifier, triggers: Tensor) -> list[list[float]]:
        """Flip rates by class and rung."""
        rungs = [self._rates(classifier, scale * triggers) for scale in LADDER]
        return [list(rates) for rates in zip(*rungs, strict=True)]

    def _rates(self, classifier: Classifier, triggers: Tensor) -> list[float]:
        rows = self._predictions(classifier, triggers)
        labels = self.images.labels
        return [flip_rate(row, labels, label) for row, label in zip(rows, self.labels, strict=True)]

    def _changed(self, classifier: Classifier, trigger: Tensor) -> float:
        without, with_it = self._predictions(
            classifier, torch.cat([torch.zeros_like(trigger), trigger])
        )
        changed: float = (without != with_it).float().mean().item()
        return changed

    def _predictions(self, classifier: Classifier, triggers: Tensor) -> Tensor:
        return predictions(classifier, triggers, self.images, self.pair.device, self.tick)


def tries(classes: int) -> int:
    """How often :class:`Probes` calls ``tick``, with both methods called once."""
    return classes * (2 * len(LADDER) + 1) + 6 + 3 * patches_of(classes)


def _best(found: Targeted, label: int, shares: Sequence[float]) -> int | None:
    """Which of the patches for ``label`` sends most images there."""
    its = [i for i, target in enumerate(found.targets.tolist()) if target == label]
    return max(its, key=shares.__getitem__, default=None)


def _gains(before: Sequence[float], after: Sequence[float]) -> list[float]:
    grown = [math.log(new / old) for old, new in zip(before, after, strict=True)]
    usual = median(grown)
    return [value - usual for value in grown]
