"""What a purification tells while it runs; small, frozen, free of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Part(StrEnum):
    """What a purification is made of. The first three come one after another, before any weight
    moves, and only with ``deep``; then the steps, with the checks between them."""

    SEARCH = "search"
    DOORS = "doors"
    AUGMENTATION = "augmentation"
    WARMUP = "warmup"
    STEPS = "steps"
    CHECKS = "checks"


BEFORE_STEPS = (Part.SEARCH, Part.DOORS, Part.AUGMENTATION)


@dataclass(frozen=True)
class Work:
    """A part comes up ``count`` times, each of which takes about as long as ``cost`` images on
    their way forward through the network."""

    count: int
    cost: float


Plan = Mapping[Part, Work]


@dataclass(frozen=True)
class Started:
    """The layers are chosen and the work begins: what ``plan`` says, of it ``steps`` outer ones."""

    steps: int
    layers: tuple[str, ...]
    trigger_norm: float
    plan: Plan = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """One of the ``steps`` before any weight moves: in the network as it came in, stand-ins for a
    trigger are searched, and it is tried what opens it and how its images may be changed.

    ``seconds`` are counted from :class:`Started`, here and in what follows.
    """

    part: Part
    step: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class StepDone:
    """One outer step; the losses are those of equation 4, before the step."""

    step: int
    steps: int
    loss: float
    clean_loss: float
    consistency_loss: float
    margin_loss: float
    target_loss: float
    seconds: float


@dataclass(frozen=True)
class Checked:
    """A check on held-out clean images, which also chooses the result."""

    step: int
    steps: int
    loss: float
    accuracy: float
    perturbed_accuracy: float
    seconds: float


Progress = Started | Prepared | StepDone | Checked
OnProgress = Callable[[Progress], None]
Ticked = Callable[[Part], None]
"""Told each time that a part of the preparation has come up."""


def unwatched(part: Part) -> None:
    """For preparations that nobody watches."""
