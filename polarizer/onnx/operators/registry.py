"""Operators by name. A function is an operator's meaning: its parameters are the operator's inputs,
those by keyword its attributes with their defaults; beside these, ``opset`` where the meaning has
changed and ``parts``, the number of outputs, where it depends on that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature

from torch import Tensor

from polarizer.errors import ModelFormatError
from polarizer.listing import shown
from polarizer.onnx.graph import Attribute, Node

Result = Tensor | tuple[Tensor, ...]
Compute = Callable[..., Result]


@dataclass(frozen=True)
class Operator:
    """``weights`` are the inputs (by position; -1: all) that may be weights, if they are floating
    point; ``sizes`` those that say how large the result is, or which part. ``together``: its
    tensors must be on one device."""

    compute: Compute
    weights: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    together: bool = False

    def may_be_weight(self, position: int) -> bool:
        return position in self.weights or -1 in self.weights

    def takes_sizes(self, position: int) -> bool:
        return position in self.sizes or -1 in self.sizes


OPERATORS: dict[str, Operator] = {}


def operator(
    *names: str,
    weights: tuple[int, ...] = (),
    sizes: tuple[int, ...] = (),
    together: bool = False,
) -> Callable[[Compute], Compute]:
    """Registers a function as the meaning of ``names``."""

    def register(compute: Compute) -> Compute:
        OPERATORS.update(dict.fromkeys(names, Operator(compute, weights, sizes, together)))
        return compute

    return register


_KINDS: Mapping[str, tuple[type, ...]] = {
    "Sequence[int]": (tuple,),
    "Tensor": (Tensor,),
    "float": (float,),
    "int": (int,),
    "str": (str,),
}


def _fits(value: Attribute, known: Parameter) -> bool:
    kind = str(known.annotation).removesuffix(" | None")
    if known.kind is not Parameter.KEYWORD_ONLY or not isinstance(value, _KINDS[kind]):
        return False
    return not isinstance(value, tuple) or all(isinstance(one, int) for one in value)


def bound(node: Node, opset: int) -> Mapping[str, Attribute]:
    """The keywords that the node's operator is called with. Raises :class:`ModelFormatError` for
    attributes that are not known here, and another number of inputs than it takes."""
    expected = signature(OPERATORS[node.operator].compute)
    options = dict(node.attributes)
    ours = {"opset": opset, "parts": len(node.outputs)}
    for name, value in options.items():
        known = expected.parameters.get(name)
        if name in ours or known is None or not _fits(value, known):
            raise ModelFormatError(
                f"the ONNX node {shown(node.shown)} has an attribute {shown(name)} of a kind "
                "that is not known here"
            )
    options |= {name: value for name, value in ours.items() if name in expected.parameters}
    try:
        expected.bind(*node.inputs, **options)
    except TypeError as error:
        raise ModelFormatError(
            f"the ONNX node {shown(node.shown)} has {len(node.inputs)} inputs: {error}"
        ) from error
    return options
