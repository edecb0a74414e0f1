"""One model of the bench: attack, images, architecture, recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.attacks.attack import Attack
from benchmarks.attacks.data import CLASSES, Source
from benchmarks.attacks.training import Recipe
from polarizer.architectures import parse_architecture
from polarizer.description import InputSpec, ModelDescription

_CIFAR_MOMENTS = ((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261))
_MOMENTS = {
    "digits": ((0.3,), (0.37,)),
    "cifar10-extract": _CIFAR_MOMENTS,
    "cifar10": _CIFAR_MOMENTS,
}


@dataclass(frozen=True, eq=False)
class Plan:
    """What to make, and from what.

    ``architecture``: its JSON form without channels and number of classes, which the source gives.
    ``implant_into``: the model that the backdoor is fine-tuned into; None is training from scratch.
    It is the name of another plan, or ``"shared"`` for the model that comes with the shared data.
    """

    name: str
    attack: Attack
    source: Source
    size: int
    architecture: Mapping[str, Any]
    recipe: Recipe
    seed: int
    implant_into: str | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the images."""
        return len(_MOMENTS[self.source][0]), self.size, self.size

    @property
    def description(self) -> ModelDescription:
        """What the model's ``model.json`` says."""
        mean, std = _MOMENTS[self.source]
        channels, height, width = self.shape
        given = {} if self.architecture["name"] == "huggingface" else {"channels": channels}
        classes = CLASSES[self.source]
        return ModelDescription(
            architecture=parse_architecture(
                {**self.architecture, **given, "num_classes": len(classes)}
            ),
            input=InputSpec(channels=channels, height=height, width=width, mean=mean, std=std),
            classes=classes,
        )
