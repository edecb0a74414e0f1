"""What the alarm needs beside the artefact: the layers as they were, and the threshold.

The file holds only the tensors that purification changed, and is of no use as a model.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from polarizer.alarm.facts import Calibration
from polarizer.checkpoints import CheckpointLimits, LoadedModel, write_safetensors
from polarizer.checkpoints.safetensors_file import read_safetensors
from polarizer.classifier import Classifier
from polarizer.errors import ModelFormatError
from polarizer.listing import shown

FORMAT = "polarizer.alarm"
FORMAT_VERSION = "1"


def save_alarm(path: Path, base: Classifier, purified: Classifier, calibration: Calibration) -> str:
    """Write what ``purified`` changed of ``base``; returns the sha256 of the file."""
    now = _unwrapped(purified.module).state_dict()
    changed = {
        name: tensor
        for name, tensor in base.module.state_dict().items()
        if name not in now or not torch.equal(tensor.cpu(), now[name].cpu())
    }
    metadata = {FORMAT: FORMAT_VERSION, f"{FORMAT}.calibration": calibration.model_dump_json()}
    return write_safetensors(path, changed, metadata)


def load_alarm(
    path: Path, purified: LoadedModel, *, limits: CheckpointLimits | None = None
) -> tuple[Classifier, Calibration]:
    """The base classifier, on the CPU, and the calibration.

    Raises :class:`ModelFormatError` when the file is damaged or belongs to another model.
    """
    tensors, metadata = read_safetensors(path, limits or CheckpointLimits())
    module = _unwrapped(purified.classifier.module)
    _check_fit(tensors, module)
    module.load_state_dict(tensors, strict=False)
    return Classifier(module, purified.classifier.spec), _calibration(metadata)


def _unwrapped(module: nn.Module) -> nn.Module:
    """A copy without the polarizers that could not be folded in: they stand beside their layer."""
    module = deepcopy(module)
    for name, part in list(module.named_modules()):
        if {child for child, _ in part.named_children()} == {"polarizer", "layer"}:
            module.set_submodule(name, part.get_submodule("layer"))
    return module


def _check_fit(tensors: dict[str, Tensor], module: nn.Module) -> None:
    state = module.state_dict()
    for name, tensor in tensors.items():
        if name not in state or state[name].shape != tensor.shape:
            raise ModelFormatError(f"the alarm's file is of another model: it holds {shown(name)}")


def _calibration(metadata: dict[str, str]) -> Calibration:
    if metadata.get(FORMAT) != FORMAT_VERSION:
        raise ModelFormatError("this is no alarm's file, or one of another version")
    try:
        return Calibration.model_validate(json.loads(metadata[f"{FORMAT}.calibration"]))
    except (ValidationError, ValueError, KeyError) as error:
        raise ModelFormatError(
            f"the alarm's calibration is damaged: {shown(' '.join(str(error).split()))}"
        ) from error
