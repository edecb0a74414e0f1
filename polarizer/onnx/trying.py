"""What a graph does not say is found by running it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from polarizer.description import InputSpec, ModelDescription, OnnxGraph
from polarizer.errors import ArchitectureError
from polarizer.listing import shown
from polarizer.onnx.graph import Graph
from polarizer.onnx.network import OnnxNetwork

RUN_ERRORS = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    AssertionError,
)
"""What a network raises that does not fit its images, or itself."""

MOST_CHANNELS = 99
"""More than a description takes: it says so, and not that the list of their means is too long."""

TOLERANCE = 1e-3
"""of the largest logit: sums are made in another order for several images"""


def told(error: Exception) -> str:
    """An error of such a run, on one short line, and the node that it arose in."""
    notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
    return shown(" ".join(str(error).split())) + shown(notes)


def described(graph: Graph, tensors: Mapping[str, Tensor]) -> ModelDescription:
    """The size of the images as the graph says it, as many classes as it answers with, called by
    their numbers, and no normalisation. Raises :class:`ArchitectureError` when it does not say."""
    sizes = graph.input_shape[1:] if graph.input_shape else ()
    if not sizes or None in sizes:
        raise ArchitectureError(
            "the ONNX file does not say what size its images have; send a description: "
            'architecture {"name": "onnx", "num_classes": …}, input and classes'
        )
    channels, height, width = sizes
    each = min(channels or 0, MOST_CHANNELS)
    plain = {"mean": [0.0] * each, "std": [1.0] * each}
    try:
        spec = InputSpec.model_validate(
            {"channels": channels, "height": height, "width": width} | plain
        )
        network = OnnxNetwork(graph).eval()
        network.load_state_dict(dict(tensors))
        with torch.inference_mode():
            count = network(torch.full((1, spec.channels, spec.height, spec.width), 0.5)).shape[-1]
        return ModelDescription.model_validate(
            {
                "architecture": OnnxGraph(num_classes=count),
                "input": spec,
                "classes": [str(number) for number in range(count)],
            }
        )
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise ArchitectureError(
            f"the ONNX graph is not that of an image classifier: {problem['msg']}"
        ) from error
    except RUN_ERRORS as error:
        raise ArchitectureError(f"the ONNX graph cannot be computed: {told(error)}") from error


def check_any_number(classifier: nn.Module, spec: InputSpec) -> None:
    """Raises :class:`ArchitectureError` unless images together are answered as one by one."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((3, spec.channels, spec.height, spec.width), generator=generator)
    advice = (
        "export it for any number of them: torch.onnx.export(model, (images,), 'model.onnx', "
        "dynamic_axes={'input': {0: 'batch'}}, input_names=['input'])"
    )
    try:
        with torch.inference_mode():
            together = classifier(images)
            alone = torch.cat([classifier(image[None]) for image in images])
    except RUN_ERRORS as error:
        raise ArchitectureError(
            f"the ONNX graph does not take three images at once: {told(error)}; {advice}"
        ) from error
    bound = TOLERANCE * max(1.0, float(alone.abs().max()))
    if together.shape != alone.shape or not bool((together - alone).abs().max() <= bound):
        raise ArchitectureError(
            f"the ONNX graph answers three images at once otherwise than one by one; {advice}"
        )
