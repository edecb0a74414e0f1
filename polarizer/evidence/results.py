"""What an examination finds; frozen and free of tensors. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the probes say together. None of them says that a model is clean."""

    CLOSED = "closed"  # a door was found before, it no longer opens, no other was found
    WEAKER = "weaker"  # a door was found before, and opens less easily
    STILL_OPEN = "still-open"  # a door was found before or after, and it opens
    NO_EVIDENCE_FOUND = "no-evidence-found"  # no class stands out, before or after
    INCONCLUSIVE = "inconclusive"  # too few images or classes, or a model that anything upsets


@dataclass(frozen=True)
class ClassEvidence:
    """What it takes to send images of all other classes to class ``label``, with one trigger.

    ``norm_before``, ``norm_after``: the L2 norm, in pixels of [0, 1], at which the trigger that
    was inverted on the base model (anew on the purified one) sends half of the images there; twice
    the bound at most. ``anomaly_before``, ``anomaly_after``: how far the class lies below the
    median class, in robust standard deviations of the logarithm (the MAD index of Wang et al.,
    2019). ``gain``: by how much more its norm grew than the median class's, as a logarithm.

    ``surrogate_norm``: the norm to which the base model's trigger is scaled for comparison.
    ``flips_before``, ``flips_after``: the share of images that it sends there in the base and in
    the purified model. ``new_flips``: the same of the trigger found anew, in the purified model.

    ``patch_before``, ``patch_after``: the share that the best small opaque patch found on the base
    model sends there, in the base and in the purified model; ``new_patch``: one found anew on the
    purified model. None where no patch came near this class.
    """

    label: int
    norm_before: float
    norm_after: float
    anomaly_before: float
    anomaly_after: float
    gain: float
    surrogate_norm: float
    flips_before: float
    flips_after: float
    new_flips: float
    patch_before: float | None = None
    patch_after: float | None = None
    new_patch: float | None = None


@dataclass(frozen=True)
class Control:
    """One perturbation that drives each image to a random other class: general robustness.

    Shares of images whose prediction it changes: in the base model, the same perturbation in the
    purified one, and one found anew there. All have an L2 norm of at most ``norm``. Without a door
    it is a measure of how easily anything upsets the model; with one, it may go through the door.
    """

    norm: float
    flips_before: float
    flips_after: float
    new_flips: float


@dataclass(frozen=True)
class Evidence:
    """The verdict, in a code and in ``words``, and the numbers that it rests on.

    ``suspects``: labels of the classes with a door, before or after, the most suspicious first.
    ``classes``: one entry a class that was examined, of ``known_classes`` in all; empty where
    nothing could be measured. ``images``: how many the shares were measured on. ``bound``: the L2
    bound of the search, in pixels of [0, 1].
    """

    verdict: Verdict
    words: str
    suspects: tuple[int, ...]
    classes: tuple[ClassEvidence, ...]
    known_classes: int
    control: Control | None
    images: int
    bound: float
    seconds: float = 0.0
