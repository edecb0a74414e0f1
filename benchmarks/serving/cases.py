"""The three models of the table, and the variants of each that our service serves. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from polarizer.description import (
    Architecture,
    HuggingFace,
    InputSpec,
    ModelDescription,
    PreActResNet18,
    SmallCnn,
)

UNDEFENDED, DEFENDED = "undefended", "alarm off"
ALARM_STAGE, ALARM_DEEP = "alarm on, method stage", "alarm on, method deep"
VARIANTS = (UNDEFENDED, DEFENDED, ALARM_STAGE, ALARM_DEEP)

RESNET18 = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "layer_type": "basic",
    "embedding_size": 64,
    "hidden_sizes": [64, 128, 256, 512],
    "depths": [2, 2, 2, 2],
}


@dataclass(frozen=True)
class Case:
    """A model of the table; ``rows`` is how many rows a large request of it has."""

    name: str
    architecture: Architecture
    size: int
    rows: int
    channels: int = 3

    @property
    def description(self) -> ModelDescription:
        flat = (0.5,) * self.channels
        return ModelDescription(
            architecture=self.architecture,
            input=InputSpec(
                channels=self.channels, height=self.size, width=self.size, mean=flat, std=flat
            ),
            classes=tuple(f"class {index}" for index in range(self.architecture.num_classes)),
        )


CASES = (
    Case("small CNN, 8×8", SmallCnn(channels=1, num_classes=10), 8, 32, channels=1),
    Case("PreAct-ResNet18 width 32, 32×32", PreActResNet18(width=32, num_classes=10), 32, 32),
    Case("ResNet-18, 224×224", HuggingFace(config=RESNET18, num_classes=1000), 224, 8),
)
