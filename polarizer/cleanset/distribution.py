"""Images of another kind than those that the model was trained on."""

from __future__ import annotations

import torch

from polarizer.cleanset.observation import Observation
from polarizer.cleanset.report import Finding, Severity
from polarizer.description import InputSpec
from polarizer.images import LabelledImages

MEAN_OFFSET = 0.25
VARIANCE_OFFSET = 0.35
"""What the two numbers of :attr:`Observation.shift` reach on suspicious images (docs/method.md)."""
FEWEST = 30
UNEXPLAINED = 0.25
"""Disagreement with the labels beyond what the model's confidence leaves for errors."""
DISAGREEING, CLEARLY = 0.05, 1.5
"""A shift past 1 counts where the model also disagrees by so much, and else past so much."""
PIXEL_OFFSET = 1.0
PIXEL_RATIO = 3.0


def shift(observation: Observation) -> float | None:
    """How far the features lie from those of the training: 1 is suspicious, 2 is twice that.

    None for a network without BatchNorm, and for fewer than 30 images.
    """
    if observation.shift is None or len(observation.labels) < FEWEST:
        return None
    mean, variance = observation.shift
    return max(mean / MEAN_OFFSET, variance / VARIANCE_OFFSET)


def distribution_findings(
    observation: Observation, images: LabelledImages, spec: InputSpec, *, explained: bool
) -> list[Finding]:
    """``explained``: something else was found already that makes the model disagree."""
    moved, total = shift(observation), len(observation.labels)
    agreement, confidence = observation.agreement, observation.confidence
    gap = confidence - agreement
    how = f"it agrees with {agreement:.0%} of the labels and is {confidence:.0%} sure on average"
    if moved is not None and moved > (1 if gap > DISAGREEING else CLEARLY):
        message = (
            f"the clean images do not look like those that the model was trained on: features lie"
            f" {moved:.1f} times as far off as is usual at most, and {how}; use images of the same"
            " source, size and preparation"
        )
        severity = Severity.SERIOUS if gap > UNEXPLAINED or moved > 2 else Severity.WARNING
        return [Finding("another-distribution", severity, message, total)]
    if gap > UNEXPLAINED and not explained:
        message = (
            f"the model does not fit the clean images: {how}; check the labels, the order of the"
            " classes, and that the images are of the kind that the model was trained on"
        )
        return [Finding("low-agreement", Severity.SERIOUS, message, round(gap * total))]
    return _pixels(images, spec)


def _pixels(images: LabelledImages, spec: InputSpec) -> list[Finding]:
    """Mean and deviation of the channels against those that the model is told to expect."""
    std, mean = torch.std_mean(images.images.float().div(255).transpose(0, 1).flatten(1), dim=1)
    expected = torch.tensor(spec.mean), torch.tensor(spec.std)
    offset = ((mean - expected[0]) / expected[1]).abs()
    ratio = (std.clamp(min=1e-6) / expected[1]).log().abs().exp()
    odd = (offset > PIXEL_OFFSET) | (ratio > PIXEL_RATIO)
    if not odd.any():
        return []
    channel = int(odd.nonzero()[0, 0])
    message = (
        f"channel {channel} of the clean images has mean {mean[channel]:.3f} and deviation"
        f" {std[channel]:.3f}, where the model's description says {spec.mean[channel]:.3f} and"
        f" {spec.std[channel]:.3f}; check the description's mean and std"
    )
    return [Finding("unlike-description", Severity.NOTE, message, len(images))]
