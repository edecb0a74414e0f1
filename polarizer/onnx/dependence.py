"""What a graph does may depend on the size of its images, never on what they show.

A graph that takes sizes from pixels could be small for every image that a check sends, and ask for
all memory at the one image that its maker sends later, to a process that serves others too.
"""

from __future__ import annotations

from collections.abc import Iterable

from polarizer.errors import ModelFormatError
from polarizer.listing import shown
from polarizer.onnx.graph import Node
from polarizer.onnx.operators import OPERATORS

_OF_SHAPES = ("Shape", "Size")


def check_sizes(nodes: Iterable[Node], images: str) -> None:
    """Raises :class:`ModelFormatError` for a node that takes sizes, axes or places of a slice from
    what comes from the values of ``images``, the graph's input."""
    of_pixels = {images}
    for node in nodes:
        operator = OPERATORS[node.operator]
        for position, name in enumerate(node.inputs):
            if operator.takes_sizes(position) and name in of_pixels:
                raise ModelFormatError(
                    f"the ONNX node {shown(node.shown)} takes sizes from the images' pixels; a "
                    "classifier does the same with every image"
                )
        if node.operator not in _OF_SHAPES and of_pixels.intersection(node.inputs):
            of_pixels.update(node.outputs)
