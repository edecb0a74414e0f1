"""A backdoored classifier on disk: weights, description, trigger, and a record of its making.

A folder holds ``model.safetensors``, ``model.json`` (:class:`ModelDescription`), ``attack.json``
(:class:`Record`) and, when the trigger has a pattern or is a network, ``trigger.safetensors``.
Images are not stored; they are read from their source again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.attacks.data import Source, load
from benchmarks.attacks.triggers import build_trigger
from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.description import ModelDescription
from polarizer.images import LabelledImages

Target = int | Literal["next"]
"""The class that all images are sent to, or ``"next"``: each to its own class plus one."""


@dataclass(frozen=True, eq=False)
class Backdoored:
    """A backdoored classifier with everything that a benchmark needs to judge a repair of it.

    ``clean`` is what a defender may draw from; ``test`` is never used to choose anything.
    ``triggered`` are triggered test images of the attacked classes with their *true* labels, and
    ``targets`` (int64, of equal length) is what the attacker wants of each. ``trigger`` maps pixels
    (N, C, H, W) in [0, 1] to triggered pixels. Of ``attack="clean"``, which has no backdoor, they
    are those of BadNets. Shares are in [0, 1] and of the model as trained.
    """

    name: str
    attack: str
    classifier: Classifier
    clean: LabelledImages
    test: LabelledImages
    triggered: LabelledImages
    targets: Tensor
    accuracy: float
    attack_success: float
    trigger: Callable[[Tensor], Tensor]


class Record(BaseModel):
    """``attack.json``: how the model was made and what it measured; enough to make it again.

    ``implanted``: the backdoor was fine-tuned into a network that was accurate before, instead of
    being there from the first step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    attack: str
    target: Target
    poison_rate: float
    trigger: str
    trigger_parameters: dict[str, Any] = {}
    source: Source
    implanted: bool
    seed: int
    settings: dict[str, Any] = {}
    accuracy: float
    attack_success: float
    seconds: float = 0.0
    machine: str = ""
    digests: dict[str, str] = {}


def write(
    folder: Path,
    network: nn.Module,
    description: ModelDescription,
    trigger: nn.Module,
    record: Record,
) -> Record:
    """Write all files of a model to ``folder``; returns ``record`` with the files' digests."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"model.safetensors": _tensors(network), "trigger.safetensors": _tensors(trigger)}
    digests = {}
    for file, tensors in files.items():
        (folder / file).unlink(missing_ok=True)
        if tensors:
            save_file(tensors, folder / file)
            digests[file] = sha256(folder / file)
    (folder / "model.json").write_text(description.model_dump_json(indent=1) + "\n")
    record = record.model_copy(update={"digests": digests})
    (folder / "attack.json").write_text(record.model_dump_json(indent=1) + "\n")
    return record


def read(folder: Path, data: Path) -> Backdoored:
    """The backdoored classifier in ``folder``, on the CPU, in float32.

    ``data`` is where the images of its source lie: the shared folder or a copy of CIFAR-10; digits
    need none. Raises :class:`ValueError` when a file is not the one that the record was made for.
    """
    record = read_record(folder)
    _check_digests(folder, record)
    description = ModelDescription.model_validate_json((folder / "model.json").read_text())
    network = build(description.architecture)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    trigger = read_trigger(folder, record, description)
    parts = load(record.source, data, description.input.height)
    triggered, targets = with_trigger(trigger, parts.test, record.target, len(description.classes))
    return Backdoored(
        name=record.name,
        attack=record.attack,
        classifier=Classifier(network, description.input),
        clean=parts.clean,
        test=parts.test,
        triggered=triggered,
        targets=targets,
        accuracy=record.accuracy,
        attack_success=record.attack_success,
        trigger=trigger,
    )


def read_record(folder: Path) -> Record:
    """``attack.json``, or what a shared model's ``model.json`` tells instead of it."""
    path = folder / "attack.json"
    if path.exists():
        return Record.model_validate_json(path.read_text())
    notes = json.loads((folder / "model.json").read_text())
    if notes.get("attack", {}).get("name") != "badnets":
        raise ValueError(f"{folder} holds no attack.json, and model.json names no known attack")
    return Record(
        name="cifar10-preact_resnet18-badnets",
        attack="badnets",
        target=notes["attack"]["target"],
        poison_rate=notes["attack"]["poison_rate"],
        trigger="patch",
        trigger_parameters={"size": 3},
        source="cifar10-extract",
        implanted=False,
        seed=0,
        accuracy=notes["measured"]["accuracy"],
        attack_success=notes["measured"]["attack_success"],
    )


def read_trigger(folder: Path, record: Record, description: ModelDescription) -> nn.Module:
    """The trigger of the model in ``folder``, frozen."""
    spec = description.input
    shape = (spec.channels, spec.height, spec.width)
    trigger = build_trigger(record.trigger, shape, record.seed, **record.trigger_parameters)
    if (folder / "trigger.safetensors").exists():
        trigger.load_state_dict(load_file(folder / "trigger.safetensors"))
    return trigger


def with_trigger(
    trigger: Callable[[Tensor], Tensor], images: LabelledImages, target: Target, classes: int
) -> tuple[LabelledImages, Tensor]:
    """``(triggered, targets)``: the images of attacked classes, rounded to bytes as files are.

    ``triggered`` keeps the true labels; ``targets`` is int64 of equal length.
    """
    attacked = images if target == "next" else images.select(images.labels != target)
    with torch.no_grad():
        parts = [trigger(attacked.pixels(chosen)) for chosen in _batches(len(attacked))]
    pixels = torch.cat(parts).mul(255).round().to(torch.uint8)
    return LabelledImages(pixels, attacked.labels), wanted(attacked.labels, target, classes)


def wanted(labels: Tensor, target: Target, classes: int) -> Tensor:
    """What the attacker wants images of ``labels`` (N,) to be called, int64 (N,)."""
    return (labels + 1) % classes if target == "next" else torch.full_like(labels, target)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_digests(folder: Path, record: Record) -> None:
    for file, digest in record.digests.items():
        if sha256(folder / file) != digest:
            raise ValueError(f"{folder / file} is not the file that attack.json was written for")


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.cpu().contiguous() for name, tensor in module.state_dict().items()}


def _batches(count: int) -> tuple[Tensor, ...]:
    return torch.arange(count).split(256)
