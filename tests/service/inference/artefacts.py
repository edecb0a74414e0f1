"""Real artefacts of small networks, and the images to ask them about."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from polarizer.alarm.facts import Calibration
from polarizer.alarm.file import save_alarm
from polarizer.architectures import build
from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import Provenance, load_classifier, write_safetensors
from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.description import InputSpec, ModelDescription, SmallCnn
from service.models import repository
from service.resources import Resources

SIZE = 16


@dataclass(frozen=True)
class Artefact:
    """A saved model of random weights."""

    path: Path
    description: ModelDescription

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def classifier(self) -> Classifier:
        return load_artefact(self.path).classifier

    def probabilities(self, images: Tensor) -> Tensor:
        """What the classifier itself says of uint8 images ``(N, C, H, W)``."""
        with torch.inference_mode():
            return self.classifier(images / 255).softmax(dim=1)


def make_artefact(
    folder: Path, seed: int, *, channels: int = 3, classes: int = 7, width: int = 8
) -> Artefact:
    """A small network with random weights and random running statistics."""
    description = ModelDescription(
        architecture=SmallCnn(width=width, channels=channels, num_classes=classes),
        input=InputSpec(
            channels=channels,
            height=SIZE,
            width=SIZE,
            mean=(0.4,) * channels,
            std=(0.3,) * channels,
        ),
        classes=tuple(f"class {index}" for index in range(classes)),
    )
    generator = torch.Generator().manual_seed(seed)
    state = build(description.architecture).state_dict()
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.copy_(
                torch.rand(tensor.shape, generator=generator) + (0 if tensor.ndim > 1 else 0.5)
            )
            if tensor.ndim > 1:
                tensor.sub_(0.5)
    source = folder / f"source-{seed}.safetensors"
    write_safetensors(source, state, {})
    loaded = load_classifier(source, description)
    path = folder / f"artefact-{seed}.safetensors"
    save_artefact(
        path,
        loaded.classifier,
        loaded,
        method=Method.STAGE,
        polarized_layers=("conv3",),
        provenance=Provenance(seed=seed),
    )
    return Artefact(path, description)


@dataclass(frozen=True)
class WithAlarm:
    """An artefact, the model that it came from, and the file of its alarm."""

    artefact: Artefact
    base: Classifier
    path: Path
    calibration: Calibration

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def make_alarm(folder: Path, artefact: Artefact, *, threshold: float) -> WithAlarm:
    """A base model that answers very differently."""
    base = load_artefact(artefact.path).classifier
    base.module.get_submodule("conv3").weight.data.mul_(-1)
    calibration = Calibration(threshold=threshold, images=99, flagged=0, rate=0.01)
    path = folder / f"alarm-{artefact.sha256}.safetensors"
    save_alarm(path, base, artefact.classifier, calibration)
    return WithAlarm(artefact, base, path, calibration)


def add_model(resources: Resources, artefact: Artefact, alarm: WithAlarm | None = None) -> str:
    """The artefact as a model of the service; returns its id."""
    blob_id = resources.blobs.keep(artefact.path, artefact.sha256, tenant="default")
    alarm_blob_id = (
        resources.blobs.keep(alarm.path, alarm.sha256, tenant="default") if alarm else None
    )
    with resources.database.write() as session:
        record = repository.add(
            session,
            tenant="default",
            name=None,
            defense_id=None,
            blob_id=blob_id,
            description=artefact.description,
            method="stage",
            numbers={},
            alarm=alarm.calibration if alarm else None,
            alarm_blob_id=alarm_blob_id,
        )
        return record.id


def random_images(count: int, seed: int, *, channels: int = 3) -> Tensor:
    """uint8 images ``(N, C, SIZE, SIZE)``."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, channels, SIZE, SIZE)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def encoded(image: Tensor, kind: str = "png", **options: object) -> bytes:
    """An image ``(C, H, W)`` as a file; lossless as png, and as webp with ``lossless=True``."""
    array = image.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[:, :, 0] if len(image) == 1 else array).save(buffer, kind, **options)
    return buffer.getvalue()
