"""Purification of every layer against stand-ins for a trigger (``method="deep"``).

Polarizers of the last stage cannot undo what earlier layers have done already: a trigger that
covers or warps the whole image reaches that stage as the features of the target class. Here every
weight of the network takes part, and the perturbations are of the trigger's kind: one for all
images of a target class, added or warped, instead of one for each image (docs/method.md).
"""

from polarizer.deep.augmentation import Augmentation, tolerated
from polarizer.deep.batches import batch_size
from polarizer.deep.passes import StandInPasses, begin, preparation
from polarizer.deep.stand_ins import StandIns

__all__ = [
    "Augmentation",
    "StandInPasses",
    "StandIns",
    "batch_size",
    "begin",
    "preparation",
    "tolerated",
]
