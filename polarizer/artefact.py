"""The artefact: a repaired model in one safetensors file, with the names that it came in with.

Method ``stage`` folds its polarizers, so the file is the same network with other numbers and any
loader takes it. Method ``npd`` and the class-conditioned ones cannot fold: their layer stands under
other names beside the polarizer, so that no loader finds a complete network without it, and the
metadata tells ours what to attach.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from polarizer.attaching import attached_layers
from polarizer.checkpoints import (
    ArtefactMetadata,
    CheckpointLimits,
    LoadedModel,
    Provenance,
    check_finite,
    load_classifier,
    write_safetensors,
)
from polarizer.checkpoints.metadata import PREFIX
from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.errors import CheckpointKeysError
from polarizer.listing import some


def save_artefact(
    path: Path,
    classifier: Classifier,
    source: LoadedModel,
    *,
    method: Method,
    polarized_layers: tuple[str, ...],
    provenance: Provenance,
) -> str:
    """Write the purified ``classifier`` to ``path``; returns the sha256 of the file.

    Names, types and preprocessing are those of ``source``, the model before. Equal content gives
    equal bytes. Raises :class:`CheckpointKeysError` when ``classifier`` is not that network, and
    :class:`ModelValueError` when a weight is not finite in the type that the file gives it.
    """
    attached = attached_layers(classifier.module)
    tensors = _in_source_form(classifier.module.state_dict(), attached, source)
    check_finite(tensors)
    metadata = ArtefactMetadata(
        description=source.description,
        method=method,
        polarized_layers=polarized_layers,
        attached_layers=attached,
        provenance=provenance,
        onnx_graph=source.checkpoint.onnx.packed if source.checkpoint.onnx else None,
    )
    kept = {k: v for k, v in (source.checkpoint.metadata or {}).items() if not k.startswith(PREFIX)}
    # transformers loads only safetensors files that say for which framework they are.
    return write_safetensors(path, tensors, {"format": "pt"} | kept | metadata.to_strings())


def load_artefact(path: Path, *, limits: CheckpointLimits | None = None) -> LoadedModel:
    """The model that :func:`save_artefact` wrote, polarizers attached.

    Raises what :func:`polarizer.checkpoints.load_classifier` raises; :class:`ArchitectureError`
    when the file is no artefact.
    """
    return load_classifier(path, limits=limits)


def _in_source_form(
    state: Mapping[str, Tensor], attached: Collection[str], source: LoadedModel
) -> dict[str, Tensor]:
    """``state`` under the names and in the types of the source file."""
    artefact = source.checkpoint.artefact
    new = [layer for layer in attached if not artefact or layer not in artefact.attached_layers]
    before = source.checkpoint.tensors
    came_as = {
        name: source.name_in_file(_without_wrappers(name, new))
        for name in state
        if not any(name.startswith(f"{layer}.polarizer.") for layer in new)
    }
    _check_names(set(came_as.values()), set(before))
    return {
        source.name_in_file(name): tensor.to(before[came_as[name]].dtype)
        if name in came_as
        else tensor
        for name, tensor in state.items()
    }


def _without_wrappers(name: str, layers: list[str]) -> str:
    for layer in layers:
        if name.startswith(f"{layer}.layer."):
            return f"{layer}.{name.removeprefix(f'{layer}.layer.')}"
    return name


def _check_names(now: set[str], before: set[str]) -> None:
    if now != before:
        raise CheckpointKeysError(
            "the purified network does not have the tensors of the model that came in: "
            f"missing {some(sorted(before - now))}; unexpected {some(sorted(now - before))}"
        )
