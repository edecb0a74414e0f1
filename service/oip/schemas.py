"""What the protocol says of server and models; inference is in requests.py and answers.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from service.names.directory import ONLY_VERSION, Target
from service.oip import outputs
from service.oip.tensors import INPUT

PLATFORM = "pytorch"
EXTENSIONS = ("binary_tensor_data", "model_repository")


class Failed(BaseModel):
    """Every error under ``/v2``."""

    error: Annotated[str, Field(examples=["there is no name 'street-signs'"])]


class Live(BaseModel):
    live: Literal[True] = True


class Ready(BaseModel):
    ready: Literal[True] = True


class ModelReady(BaseModel):
    name: str
    ready: Literal[True] = True


class Server(BaseModel):
    """The server and what it understands beyond the protocol's core."""

    name: str
    version: str
    extensions: list[str]


class Tensor(BaseModel):
    """An input or output; -1 stands for the number of images."""

    name: str
    datatype: Annotated[str, Field(examples=["FP32"])]
    shape: Annotated[list[int], Field(examples=[[-1, 3, 32, 32]])]


class Metadata(BaseModel):
    """What a model takes and answers."""

    name: str
    versions: Annotated[list[str], Field(description="those that can be asked")]
    platform: str
    inputs: Annotated[
        list[Tensor], Field(description="pixels in [0, 1]; UINT8 in 0…255 is taken as well")
    ]
    outputs: list[Tensor]
    parameters: Annotated[
        dict[str, Any],
        Field(
            description="the model's id, the version that this is, the class names in the order of"
            " the logits, whether the alarm is on"
        ),
    ]

    @classmethod
    def of(cls, target: Target, versions: list[str]) -> Self:
        spec, classes = target.description.input, target.description.classes
        image = [-1, spec.channels, spec.height, spec.width]
        return cls(
            name=target.name,
            versions=versions,
            platform=PLATFORM,
            inputs=[Tensor(name=INPUT, datatype="FP32", shape=image)],
            outputs=[
                Tensor(
                    name=name,
                    datatype=outputs.datatype(name),
                    shape=[-1] if name == outputs.FLAGGED else [-1, len(classes)],
                )
                for name in outputs.offered(target.alarm)
            ],
            parameters={
                "model_id": target.model.id,
                "version": target.version,
                "labels": list(classes),
                "alarm": target.alarm,
            },
        )


class IndexRequest(BaseModel):
    ready: Annotated[bool, Field(description="only models that can be asked: here all can")] = False


class Indexed(BaseModel):
    """A model of the repository. All can be asked: they are loaded on first use."""

    name: str
    version: str = ONLY_VERSION
    state: Literal["READY"] = "READY"
    reason: str = ""
