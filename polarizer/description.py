"""What a model file does not say about itself: architecture, preprocessing, class names.

Imports no torch, so that the web process can validate a request with the same classes that the
worker builds networks from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Classes = Annotated[int, Field(ge=2, le=100_000, description="number of output logits")]
Channels = Annotated[int, Field(ge=1, le=16, description="channels of the input image")]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PreActResNet18(_Spec):
    """PreAct-ResNet-18 for small images (He et al., 2016), key names as in BackdoorBench."""

    name: Literal["preact_resnet18"] = "preact_resnet18"
    width: Annotated[int, Field(ge=1, le=1024)] = 64
    channels: Channels = 3
    num_classes: Classes


class CifarResNet(_Spec):
    """The CIFAR ResNets of He et al. (2015): three stages of ``(depth - 2) / 6`` blocks."""

    name: Literal["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"]
    width: Annotated[int, Field(ge=1, le=1024)] = 16
    channels: Channels = 3
    num_classes: Classes


class Vgg19BatchNorm(_Spec):
    """VGG-19 with batch normalisation (Simonyan & Zisserman, 2015)."""

    name: Literal["vgg19_bn"] = "vgg19_bn"
    width: Annotated[int, Field(ge=1, le=1024)] = 64
    head: Annotated[
        Literal["linear", "mlp"],
        Field(description="one linear layer; or torchvision's (and BackdoorBench's) three"),
    ] = "linear"
    channels: Channels = 3
    num_classes: Classes


class SmallCnn(_Spec):
    """Three convolutions with batch normalisation and a linear layer, for images of 8 to 64 px."""

    name: Literal["small_cnn"] = "small_cnn"
    width: Annotated[int, Field(ge=1, le=1024)] = 32
    channels: Channels = 3
    num_classes: Classes


class HuggingFace(_Spec):
    """Any image classifier of the transformers library, by its ``config.json``. No remote code."""

    name: Literal["huggingface"] = "huggingface"
    config: Annotated[dict[str, Any], Field(description="the content of config.json")]
    num_classes: Classes


class OnnxGraph(_Spec):
    """The network of an ONNX file, which holds its own graph: nothing else needs to be said."""

    name: Literal["onnx"] = "onnx"
    num_classes: Classes


Architecture = Annotated[
    PreActResNet18 | CifarResNet | Vgg19BatchNorm | SmallCnn | HuggingFace | OnnxGraph,
    Field(discriminator="name"),
]


class InputSpec(_Spec):
    """Preprocessing: pixels in [0, 1], NCHW, are resized to height × width and normalised."""

    channels: Channels = 3
    height: Annotated[int, Field(ge=4, le=1024, description="pixels")]
    width: Annotated[int, Field(ge=4, le=1024, description="pixels")]
    mean: Annotated[tuple[float, ...], Field(description="per channel, of pixels in [0, 1]")]
    std: Annotated[tuple[float, ...], Field(description="per channel, of pixels in [0, 1]")]

    @model_validator(mode="after")
    def _one_value_per_channel(self) -> Self:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(f"mean and std need one value for each of {self.channels} channels")
        if not all(0 < value < float("inf") for value in self.std):
            raise ValueError("every std must be a positive number")
        if not all(abs(value) < float("inf") for value in self.mean):
            raise ValueError("every mean must be a finite number")
        return self


class ModelDescription(BaseModel):
    """Everything about a model beside its weights; travels in the artefact's metadata.

    The JSON form is that of a ``model.json`` beside a checkpoint. Unknown top-level keys of such a
    file (notes about its training, say) are ignored; inside the three parts they are errors.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    architecture: Architecture
    input: InputSpec
    classes: Annotated[
        tuple[str, ...], Field(min_length=2, description="class names, in the order of the logits")
    ]

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if len(self.classes) != self.architecture.num_classes:
            raise ValueError(
                f"{len(self.classes)} class names for {self.architecture.num_classes} logits"
            )
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("class names must be unique")
        channels = getattr(self.architecture, "channels", self.input.channels)
        if channels != self.input.channels:
            raise ValueError(
                f"the architecture takes {channels} channels, the input has {self.input.channels}"
            )
        return self
