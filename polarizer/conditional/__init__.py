"""Class-conditioned neural polarizers (CNPD; Zhu, Wei, Zha, Wu, 2025, arXiv 2502.18520).

A neural polarizer has to block the trigger of a target class that nobody knows. CNPD lets the
backdoored model say it: on a triggered image its own prediction *is* the target. The polarizer
takes that class beside the features, so the network runs up to the polarized layer once, on to its
base answer, and from the layer on once more, polarized for the class of that answer.

The three forms of the paper's abstract are :mod:`~polarizer.conditional.forms`; how they sit in a
network is :mod:`~polarizer.conditional.layer`; the two answers are
:mod:`~polarizer.conditional.passes`; what they are trained on is
:mod:`~polarizer.conditional.training`.
"""

from polarizer.conditional.forms import MOST_REPLICAS
from polarizer.conditional.layer import ConditionedLayer, attach_conditioned
from polarizer.conditional.passes import answer, both_answers

__all__ = [
    "MOST_REPLICAS",
    "ConditionedLayer",
    "answer",
    "attach_conditioned",
    "both_answers",
]
