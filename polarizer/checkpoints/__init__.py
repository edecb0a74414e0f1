"""Model files that strangers send: read without running them, loaded strictly."""

from polarizer.checkpoints.formats import SourceFormat
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.loading import LoadedModel, load_classifier
from polarizer.checkpoints.metadata import ArtefactMetadata, Provenance
from polarizer.checkpoints.reading import Checkpoint, check_finite, read_checkpoint
from polarizer.checkpoints.safetensors_file import write_safetensors

__all__ = [
    "ArtefactMetadata",
    "Checkpoint",
    "CheckpointLimits",
    "LoadedModel",
    "Provenance",
    "SourceFormat",
    "check_finite",
    "load_classifier",
    "read_checkpoint",
    "write_safetensors",
]
