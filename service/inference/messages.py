"""What the web process and the engine say to each other. Both ends import this; it needs no torch.

The engine decodes hostile images, so the web process believes nothing that comes from it before
these classes have checked it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from polarizer.description import InputSpec

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Ranked = tuple[Annotated[int, Field(ge=0)], Annotated[FiniteFloat, Field(ge=0, le=1.001)]]
Ranking = tuple[Ranked, ...]
"""The classes of one image, most probable first: ``(index of the logit, probability)``."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# To the engine


class Predict(_Message):
    """Classify images. The frame's payload is their bytes, one after the other."""

    kind: Literal["predict"] = "predict"
    id: int
    model: Sha256
    file: Annotated[str, Field(description="where the artefact lies, absolute")]
    input: InputSpec
    sizes: Annotated[tuple[int, ...], Field(description="bytes of each image in the payload")]
    top: Annotated[int, Field(ge=1)]
    tensor: Annotated[str, Field(description="the type of rows; empty: encoded images")] = ""


class Cancel(_Message):
    """Nobody waits for this request any more."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Forget(_Message):
    """Free the memory of this model."""

    kind: Literal["forget"] = "forget"
    model: Sha256


# From the engine


class Cause(StrEnum):
    """Why a request was not answered."""

    IMAGE = "image"  # it cannot be decoded
    FILE = "file"  # the artefact is not there, or is not the bytes of its digest
    MODEL = "model"  # the artefact cannot be loaded, or its network fails
    ENGINE = "engine"  # a fault of ours


class Ready(_Message):
    """The engine listens; sent once."""

    kind: Literal["ready"] = "ready"
    device: str


class Loaded(_Message):
    """A model was loaded."""

    kind: Literal["loaded"] = "loaded"
    model: Sha256
    seconds: float


class Answer(_Message):
    """One ranking an image, in the order of the request."""

    kind: Literal["answer"] = "answer"
    id: int
    rankings: tuple[Ranking, ...]


class Failure(_Message):
    """A request that cannot be answered; ``image`` is the one at fault, from 0."""

    kind: Literal["failure"] = "failure"
    id: int
    cause: Cause
    message: str
    image: int | None = None


ToEngine = Annotated[Predict | Cancel | Forget, Field(discriminator="kind")]
FromEngine = Annotated[Ready | Loaded | Answer | Failure, Field(discriminator="kind")]

TO_ENGINE: TypeAdapter[Predict | Cancel | Forget] = TypeAdapter(ToEngine)
FROM_ENGINE: TypeAdapter[Ready | Loaded | Answer | Failure] = TypeAdapter(FromEngine)
