"""Reading a model file into tensors by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from polarizer.checkpoints.folder_archive import FolderArchive, read_folder_archive
from polarizer.checkpoints.formats import SourceFormat, sniff
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.metadata import ArtefactMetadata
from polarizer.checkpoints.safetensors_file import read_safetensors
from polarizer.checkpoints.torch_archive import read_torch_archive
from polarizer.description import ModelDescription
from polarizer.errors import ModelFormatError, ModelValueError
from polarizer.listing import some
from polarizer.onnx import Graph, OnnxLimits, named_by_network, read_onnx, unpacked


@dataclass(frozen=True, eq=False)
class OnnxOrigin:
    """``graph`` is what the network is built from; ``packed`` all of the file but its weights."""

    graph: Graph
    packed: str


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The tensors of a model file, on the CPU, with the names and types that the file gives."""

    tensors: dict[str, Tensor]
    source_format: SourceFormat
    container: str = ""
    """where in the file they stood: ``""``, or for example ``"model"``"""
    metadata: dict[str, str] | None = None
    """of a safetensors file"""
    artefact: ArtefactMetadata | None = None
    """when the file is an artefact of ours"""
    folder: FolderArchive | None = None
    """when the file is a Hugging Face folder"""
    onnx: OnnxOrigin | None = None
    """when it is an ONNX file, or an artefact made from one"""

    @property
    def description(self) -> ModelDescription | None:
        """What the file itself says of the model, if it does. Raises :class:`ArchitectureError`
        for a Hugging Face folder that says too little."""
        if self.artefact:
            return self.artefact.description
        return self.folder.description if self.folder else None

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def read_checkpoint(path: Path, limits: CheckpointLimits | None = None) -> Checkpoint:
    """The model file at ``path``: safetensors, what ``torch.save`` made of a state dict, a zip of a
    Hugging Face folder, or ONNX.

    Runs no code of the file and takes no more memory than the file has bytes, of an ONNX file a few
    times that. Raises :class:`ModelFormatError` for other formats, damage and limits, and
    :class:`ModelValueError` for NaN and infinite weights.
    """
    limits = limits or CheckpointLimits()
    source_format = sniff(path, limits.max_bytes)
    if source_format is SourceFormat.SAFETENSORS:
        tensors, metadata = read_safetensors(path, limits)
        artefact = ArtefactMetadata.from_strings(metadata)
        origin = _origin(artefact)
        checkpoint = Checkpoint(tensors, source_format, "", metadata, artefact, onnx=origin)
    elif source_format is SourceFormat.ONNX:
        checkpoint = _onnx_checkpoint(path, limits)
    elif folder := read_folder_archive(path, limits):
        checkpoint = _of_folder(folder)
    else:
        tensors, container = read_torch_archive(path, limits)
        checkpoint = Checkpoint(tensors, source_format, container)
    if not checkpoint.elements:
        raise ModelFormatError("the model file holds no weights")
    check_finite(checkpoint.tensors)
    return checkpoint


def _of_folder(folder: FolderArchive) -> Checkpoint:
    if folder.metadata is None:
        return Checkpoint(folder.tensors, SourceFormat.TORCH, folder.container, folder=folder)
    artefact = ArtefactMetadata.from_strings(folder.metadata)
    return Checkpoint(
        folder.tensors,
        SourceFormat.SAFETENSORS,
        "",
        folder.metadata,
        artefact,
        folder,
        _origin(artefact),
    )


def _onnx_checkpoint(path: Path, limits: CheckpointLimits) -> Checkpoint:
    """The weights under the names and in the shapes that the network of the graph has."""
    file = read_onnx(path.read_bytes(), OnnxLimits(max_tensors=limits.max_tensors))
    tensors = named_by_network(file.graph, file.tensors)
    origin = OnnxOrigin(file.graph, file.packed)
    return Checkpoint(tensors, SourceFormat.ONNX, onnx=origin)


def _origin(artefact: ArtefactMetadata | None) -> OnnxOrigin | None:
    if artefact is None or artefact.onnx_graph is None:
        return None
    return OnnxOrigin(unpacked(artefact.onnx_graph)[0], artefact.onnx_graph)


def check_finite(tensors: dict[str, Tensor]) -> None:
    """Raise :class:`ModelValueError` naming the tensors with NaN or infinity."""
    broken = [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if broken:
        raise ModelValueError(
            f"{len(broken)} tensors hold NaN or infinity: {some(broken)}; "
            "send a checkpoint from before the training diverged"
        )
