"""Models of random weights, in the files that the service serves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from benchmarks.serving.cases import ALARM_DEEP, ALARM_STAGE, UNDEFENDED, VARIANTS, Case
from polarizer.alarm.facts import Calibration
from polarizer.alarm.file import save_alarm
from polarizer.architectures import build
from polarizer.artefact import save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, load_classifier, write_safetensors
from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.description import ModelDescription
from polarizer.polarizers import PolarizableLayer
from polarizer.stages import last_stage


@dataclass(frozen=True)
class Served:
    """A file to serve, and the file of its alarm where it has one."""

    variant: str
    path: Path
    description: ModelDescription
    alarm: Path | None = None

    @property
    def calibration(self) -> Calibration:
        """Flags nothing: what the alarm costs does not depend on what it finds."""
        return Calibration(threshold=1e6, images=99, flagged=0, rate=0.01)


def make(
    case: Case, folder: Path, *, seed: int = 0, variants: Sequence[str] = VARIANTS
) -> list[Served]:
    """The model as it came, and purified; the last with alarms of a stage and of every layer.

    Nothing is trained: the changed layers have other numbers, which is all that speed knows of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = _source(case, folder, seed)
    layers = [
        name
        for name, part in source.classifier.module.named_modules()
        if isinstance(part, PolarizableLayer)
    ]
    inputs = torch.zeros(2, case.channels, case.size, case.size)
    stage = last_stage(source.classifier.module, inputs)
    served = []
    changes = {UNDEFENDED: (), ALARM_DEEP: tuple(layers)}
    for variant in variants:
        changed = changes.get(variant, stage)
        path = folder / f"{variant.replace(', ', '-').replace(' ', '-')}.safetensors"
        purified = _changed(source.classifier, changed)
        save_artefact(
            path,
            purified,
            source,
            method=Method.DEEP if variant == ALARM_DEEP else Method.STAGE,
            polarized_layers=tuple(changed),
            provenance=Provenance(seed=seed, config={"variant": variant}),
        )
        one = Served(variant, path, case.description)
        if variant in (ALARM_STAGE, ALARM_DEEP):
            one = Served(variant, path, case.description, path.with_suffix(".alarm"))
            save_alarm(path.with_suffix(".alarm"), source.classifier, purified, one.calibration)
        served.append(one)
    return served


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _source(case: Case, folder: Path, seed: int) -> LoadedModel:
    path = folder / "source.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        write_safetensors(path, build(case.architecture).state_dict(), {})
    return load_classifier(path, case.description)


def _changed(classifier: Classifier, layers: Sequence[str]) -> Classifier:
    changed = deepcopy(classifier)
    for name in layers:
        layer = changed.module.get_submodule(name)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.data.mul_(1.01)
    return changed
