"""From a model file to a classifier: strictly, and with the polarizers it was saved with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from polarizer.architectures import MAX_ELEMENTS, build, build_blueprint
from polarizer.architectures.huggingface import renamed
from polarizer.attaching import attach
from polarizer.checkpoints.containers import wrapper_prefix
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.reading import Checkpoint, read_checkpoint
from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.description import ModelDescription, OnnxGraph
from polarizer.errors import (
    ArchitectureError,
    CheckpointKeysError,
    ConfigError,
    ModelValueError,
)
from polarizer.listing import some
from polarizer.onnx.trying import RUN_ERRORS, check_any_number, described, told

_POLARIZER = ".polarizer."
_SPARE_ELEMENTS = 20_000_000  # what a network may compute while it is built, beside its weights


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A classifier, and the file that it was loaded from."""

    classifier: Classifier
    checkpoint: Checkpoint
    description: ModelDescription
    prefix: str = ""
    """stood before every name in the file, such as ``module.``; it is written back on saving"""
    called: Mapping[str, str] = field(default_factory=dict)
    """names of the network's tensors → those in the file behind the prefix, where they differ"""

    def name_in_file(self, name: str) -> str:
        """What the network's tensor ``name`` is called in the file."""
        return self.prefix + self.called.get(name, name)


def load_classifier(
    path: Path,
    description: ModelDescription | None = None,
    *,
    limits: CheckpointLimits | None = None,
) -> LoadedModel:
    """The classifier in the model file at ``path``, on the CPU, in float32.

    ``description`` may be left out for our own artefacts, which carry one, and for an ONNX file
    that names the size of its images: it takes pixels from 0 to 1 then. Raises what
    :func:`read_checkpoint` raises, :class:`ArchitectureError` when there is no description or it
    does not build a network for such images, and :class:`CheckpointKeysError` when the tensors are
    not exactly those of the architecture.
    """
    checkpoint = read_checkpoint(path, limits)
    description = _description(checkpoint, description)
    graph = checkpoint.onnx.graph if checkpoint.onnx else None
    attached = _attached_layers(checkpoint)
    architecture, classes = description.architecture.name, description.architecture.num_classes
    sketch = _with_polarizers(_draw(description, checkpoint), attached, classes)
    drawn = sketch.state_dict()
    prefix = wrapper_prefix(checkpoint.tensors, drawn)
    tensors = {name.removeprefix(prefix): t for name, t in checkpoint.tensors.items()}
    called = _other_names(sketch, tensors, drawn) if architecture == "huggingface" else {}
    tensors |= {name: tensors.pop(theirs) for name, theirs in called.items()}
    _check_keys(tensors, drawn, architecture)
    with torch.random.fork_rng(devices=[]):
        built = build(description.architecture, graph=graph)
        network = _with_polarizers(built, attached, classes)
    network.load_state_dict(tensors)
    classifier = Classifier(network, description.input)
    _try(classifier, description)
    if graph is not None:
        check_any_number(classifier, description.input)
    return LoadedModel(classifier, checkpoint, description, prefix, called)


def _other_names(
    sketch: nn.Module, names: Collection[str], expected: Collection[str]
) -> dict[str, str]:
    """Names of a Hugging Face network → those in its file, where these are others."""
    if all(name in names for name in expected):
        return {}
    found = {ours: theirs for theirs, ours in renamed(sketch, names).items() if ours != theirs}
    return {} if found.keys() & set(names) else found


def _description(checkpoint: Checkpoint, said: ModelDescription | None) -> ModelDescription:
    """What was said of the model, or else what its file says; the two must not disagree."""
    found = said or checkpoint.description
    if found is None and checkpoint.onnx is not None:
        return described(checkpoint.onnx.graph, checkpoint.tensors)
    if found is None:
        raise ArchitectureError(
            "the model file does not say what network it is; "
            "send architecture, input and classes with the request"
        )
    if isinstance(found.architecture, OnnxGraph) != (checkpoint.onnx is not None):
        raise ArchitectureError(
            f"the model file is {checkpoint.source_format}, and its architecture is said to be "
            f'{found.architecture.name}; "onnx" is that of .onnx files, and of these alone'
        )
    return found


def _draw(description: ModelDescription, checkpoint: Checkpoint) -> nn.Module:
    allowed = min(MAX_ELEMENTS, 4 * checkpoint.elements + _SPARE_ELEMENTS)
    graph = checkpoint.onnx.graph if checkpoint.onnx else None
    try:
        return build_blueprint(description.architecture, max_elements=allowed, graph=graph)
    except ArchitectureError as error:
        raise ArchitectureError(
            f"{error} (the model file holds {checkpoint.elements:,} numbers)"
        ) from error


def _with_polarizers(network: nn.Module, layers: Mapping[str, Method], classes: int) -> nn.Module:
    device = next(network.parameters()).device
    try:
        with torch.device(device):
            for layer, method in layers.items():
                attach(network, layer, method, classes=classes)
    except ConfigError as error:
        raise CheckpointKeysError(f"the artefact's metadata names a polarizer: {error}") from error
    return network


def _attached_layers(checkpoint: Checkpoint) -> dict[str, Method]:
    """Layers with a polarizer module, on which metadata and tensors must agree."""
    said = checkpoint.artefact.attached_layers if checkpoint.artefact else {}
    held = {name.partition(_POLARIZER)[0] for name in checkpoint.tensors if _POLARIZER in name}
    lacking = [
        layer
        for layer in said
        if not any(name == layer or name.endswith(f".{layer}") for name in held)
    ]
    if lacking:
        raise CheckpointKeysError(
            f"the artefact lacks the polarizer that its metadata names, for {some(lacking)}; "
            "without it the model is not repaired"
        )
    if len(held) > len(said):
        raise CheckpointKeysError(
            f"the file holds polarizers that its metadata does not name, for {some(sorted(held))}; "
            "send the artefact as it was downloaded, metadata included"
        )
    return said


def _check_keys(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], architecture: str
) -> None:
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    misfit = [
        f"{name} {problem}"
        for name, tensor in tensors.items()
        if name in expected and (problem := _misfit(tensor, expected[name]))
    ]
    lists = {"missing": missing, "unexpected": unexpected, "misshapen": misfit}
    problems = [f"{len(names)} {kind}: {some(names)}" for kind, names in lists.items() if names]
    if problems:
        raise CheckpointKeysError(
            f"the tensors are not those of {architecture} with these parameters. "
            f"{'. '.join(problems)}. Check the architecture, its width and its num_classes"
        )


def _misfit(tensor: Tensor, expected: Tensor) -> str:
    if tensor.shape != expected.shape:
        return f"is {tuple(tensor.shape)}, should be {tuple(expected.shape)}"
    if tensor.is_floating_point() != expected.is_floating_point():
        kinds = [str(t.dtype).removeprefix("torch.") for t in (tensor, expected)]
        return f"holds {kinds[0]}, should hold {kinds[1]}"
    return ""


def _try(classifier: Classifier, description: ModelDescription) -> None:
    """Classify one grey image: does the network take such images, and answer with numbers?"""
    size = (description.input.channels, description.input.height, description.input.width)
    wanted = (1, len(description.classes))
    try:
        with torch.inference_mode():
            logits = classifier(torch.full((1, *size), 0.5))
    except RUN_ERRORS as error:
        raise ArchitectureError(
            f"the network does not take images of {size} (channels, height, width): {told(error)}"
        ) from error
    if tuple(logits.shape) != wanted:
        raise ArchitectureError(f"the network answers with {tuple(logits.shape)}, not {wanted}")
    if not logits.isfinite().all():
        raise ModelValueError("the network answers a plain grey image with NaN or infinity")
