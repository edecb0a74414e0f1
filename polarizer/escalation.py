"""``method="auto"``: a part of the change where that is seen to close a door, else all.

Between the weights that came in and the repaired ones lies a line (Wortsman et al., CVPR 2022). On
it accuracy is lost at the repaired end and a door closes well before it, if it is one of those that
close easily; a patch on CIFAR-10 is shut after a third of the way, a low-frequency trigger at the
end (docs/method.md). The probes of :mod:`polarizer.evidence` decide, from clean images alone. They
overlook doors, so finding none proves nothing: only a door that was found in the base, and is
closed there, lets the rest of the change be taken back.
"""

from __future__ import annotations

from copy import deepcopy

import torch

from polarizer.classifier import Classifier
from polarizer.evidence import EvidenceConfig, Verdict, examine
from polarizer.images import LabelledImages

MILD = 0.7  # of the change
ENOUGH_HELD_OUT = 60  # images; with fewer the examination takes all clean images


def between(base: Classifier, repaired: Classifier, strength: float) -> Classifier:
    """``base + strength * (repaired - base)``, value by value; a classifier of its own."""
    found = deepcopy(repaired)
    came = base.state_dict()
    with torch.no_grad():
        for name, value in found.state_dict().items():
            if value.is_floating_point():
                value.lerp_(came[name].to(value), 1 - strength)
    return found


def reason_for_all(
    base: Classifier,
    mild: Classifier,
    clean: LabelledImages,
    held_out: LabelledImages,
    *,
    device: torch.device,
    generator: torch.Generator,
) -> str | None:
    """What the examination found, in words, unless it found a door that ``mild`` has closed."""
    images = held_out if len(held_out) >= ENOUGH_HELD_OUT else clean
    found = examine(base, mild, images, EvidenceConfig(), device=device, generator=generator)
    return None if found.verdict is Verdict.CLOSED else found.words
