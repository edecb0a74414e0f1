"""The meaning of the operators that image classifiers are exported with."""

from polarizer.onnx.operators import (  # noqa: F401 - they register themselves
    activations,
    arithmetic,
    layers,
    normalisation,
    pooling,
    reductions,
    shapes,
)
from polarizer.onnx.operators.registry import OPERATORS, Operator, bound

__all__ = ["OPERATORS", "Operator", "bound"]
