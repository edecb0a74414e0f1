"""``strength``: how much of the change that ``deep`` made is kept.

Between the weights that came in and the repaired ones lies a line (Wortsman et al., CVPR 2022). On
it accuracy is lost towards the repaired end, and doors close towards it (docs/method.md).
"""

from __future__ import annotations

from copy import deepcopy

import torch

from polarizer.classifier import Classifier


def between(base: Classifier, repaired: Classifier, strength: float) -> Classifier:
    """``base + strength * (repaired - base)``, value by value; a classifier of its own."""
    found = deepcopy(repaired)
    came = base.state_dict()
    with torch.no_grad():
        for name, value in found.state_dict().items():
            if value.is_floating_point():
                value.lerp_(came[name].to(value), 1 - strength)
    return found
