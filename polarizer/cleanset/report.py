"""What a check of the clean images found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

MOST_EXAMPLES = 10


class Severity(StrEnum):
    """How much a finding may cost the repair."""

    NOTE = "note"  # worth knowing
    WARNING = "warning"  # the repair may be worse for it
    SERIOUS = "serious"  # look at the images before spending time on a repair


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with the set.

    ``code`` is stable; ``message`` says what was wrong, where, and what to do. ``count`` images are
    concerned, of class ``label`` where it is one class. ``examples`` are the positions in the set
    of the clearest of them, clearest first.
    """

    code: str
    severity: Severity
    message: str
    count: int
    label: int | None = None
    examples: tuple[int, ...] = ()


@dataclass(frozen=True)
class CleanSetReport:
    """Numbers and findings of one set; shares are of the ``looked_at`` images.

    ``agreement``: images that the base model gives their label; ``confidence``: the mean
    probability that it gives to its answers. ``wrong_labels``: an estimate, 0 where the errors of
    the model explain everything. ``near_duplicates``: images that repeat an earlier one.
    ``shift``: how far the features lie from those of the model's training, 1 being suspicious; None
    for a network without BatchNorm, and for very few images.
    """

    images: int
    looked_at: int
    agreement: float
    confidence: float
    wrong_labels: float
    near_duplicates: float
    shift: float | None
    findings: tuple[Finding, ...]

    def codes(self) -> set[str]:
        """The codes of all findings."""
        return {finding.code for finding in self.findings}


def first(indices: Tensor | Iterable[int]) -> tuple[int, ...]:
    """The first few positions, as examples."""
    found = indices.tolist() if isinstance(indices, Tensor) else list(indices)
    return tuple(found[:MOST_EXAMPLES])
