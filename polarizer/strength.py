"""``strength``: how much of the change that ``deep`` made is kept.

Between the weights that came in and the repaired ones lies a line (Wortsman et al., CVPR 2022). On
it accuracy is lost towards the repaired end, and doors close towards it (docs/method.md). How far a
door has to be closed shows only where it was found: at patches (``polarizer.deep.doors``).
"""

from __future__ import annotations

from copy import deepcopy

import torch

from polarizer.classifier import Classifier
from polarizer.deep.doors import PatchDoors

IF_SHUT = 0.7
"""Is enough where a patch opened the network as it came in and opens it no more at that point."""


def between(base: Classifier, repaired: Classifier, strength: float) -> Classifier:
    """``base + strength * (repaired - base)``, value by value; a classifier of its own."""
    found = deepcopy(repaired)
    came = base.state_dict()
    with torch.no_grad():
        for name, value in found.state_dict().items():
            if value.is_floating_point():
                value.lerp_(came[name].to(value), 1 - strength)
    return found


def enough(
    base: Classifier, repaired: Classifier, doors: PatchDoors, device: torch.device
) -> float:
    """The strength that shuts the ``doors``: all of the change where none was found."""
    part = between(base, repaired, IF_SHUT).to(device)
    return IF_SHUT if doors.shut_in(part, device) else 1.0
