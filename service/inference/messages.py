"""What the web process and the engine say to each other. Both ends import this; it needs no torch.

Images, tensors and logits do not pass here but through the memory that both ends share
(:mod:`service.inference.arena`): a question says where its input lies and where its answer goes.
The engine decodes hostile images, so the web process believes nothing that comes from it before
these classes have checked it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from polarizer.description import InputSpec

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[FiniteFloat, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Ranked = tuple[Annotated[int, Field(ge=0)], Annotated[FiniteFloat, Field(ge=0, le=1.001)]]
Ranking = tuple[Ranked, ...]
"""The classes of one image, most probable first: ``(index of the logit, probability)``."""

MOST_STEPS = 64
"""Of one request."""

NOTES = "notes"
"""The folder in the cache that the engine may write in."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# To the engine


class Network(_Message):
    """What is to be in memory: the artefact, and its alarm where that is on."""

    model: Sha256
    file: Annotated[str, Field(description="where the artefact lies, absolute")]
    alarm: Sha256 | None = None
    alarm_file: Annotated[str | None, Field(description="where the alarm's file lies")] = None

    @property
    def key(self) -> str:
        """Equal for equal networks."""
        return f"{self.model}+{self.alarm}" if self.alarm else self.model


def answer_bytes(network: Network, rows: int, classes: int) -> int:
    """What the answer for so many rows takes in memory."""
    logits = 4 * rows * classes
    return 2 * logits + rows if network.alarm else logits


class _Question(_Message):
    id: int
    network: Network
    input: InputSpec
    classes: Annotated[int, Field(ge=1)]
    seconds: Annotated[Seconds, Field(description="after which nobody waits any more")]
    trace: Annotated[
        str | None,
        Field(max_length=64, description="traceparent of who asks, if its trace is recorded"),
    ] = None
    begin: Annotated[Count, Field(description="where the input lies, bytes from the start")]
    answer: Annotated[Count, Field(description="where the answer goes")]

    @property
    def rows(self) -> int:
        raise NotImplementedError

    @property
    def answer_bytes(self) -> int:
        """Logits, float32 ``(rows, classes)``; with an alarm those of the base model too, and a
        byte a row that says whether it is flagged."""
        return answer_bytes(self.network, self.rows, self.classes)


class Predict(_Question):
    """Classify encoded images, which lie one after the other."""

    kind: Literal["predict"] = "predict"
    sizes: Annotated[tuple[Count, ...], Field(description="bytes of each image")]

    @property
    def rows(self) -> int:
        return len(self.sizes)


class Infer(_Question):
    """Classify rows of the model's size, NCHW. None at all: only see that the model is loaded."""

    kind: Literal["infer"] = "infer"
    dtype: Literal["float32", "uint8"]
    count: Count

    @property
    def rows(self) -> int:
        return self.count


Question = Predict | Infer


class Cancel(_Message):
    """Nobody waits for this request any more."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Forget(_Message):
    """Free the memory of this model, with and without its alarm."""

    kind: Literal["forget"] = "forget"
    model: Sha256


# From the engine. Every question gets exactly one Answer, Failure or Dropped, and from then on the
# engine does not touch its memory any more.


class Cause(StrEnum):
    """Why a request was not answered."""

    IMAGE = "image"  # it cannot be decoded
    FILE = "file"  # the artefact is not there, or is not the bytes of its digest
    MODEL = "model"  # the artefact cannot be loaded, or its network fails
    LATE = "late"  # its time was over before its turn came
    ENGINE = "engine"  # a fault of ours


class Ready(_Message):
    """The engine listens; sent once."""

    kind: Literal["ready"] = "ready"
    device: str


class Loaded(_Message):
    """A model was loaded, or (``again``) computes by another backend from now on."""

    kind: Literal["loaded"] = "loaded"
    model: Sha256
    seconds: Seconds
    nbytes: Count
    backend: Annotated[str, Field(max_length=32)]
    again: bool = False


class Evicted(_Message):
    """A model left memory to make room."""

    kind: Literal["evicted"] = "evicted"
    model: Sha256


class Computed(_Message):
    """One batch."""

    kind: Literal["computed"] = "computed"
    model: Sha256
    rows: Count
    seconds: Seconds
    alarms: Count


class StepName(StrEnum):
    """What a request goes through in the engine."""

    DECODE = "decode"
    WAIT = "wait"
    LOAD = "load"
    BATCH = "batch"
    MODEL = "model"


class Step(_Message):
    """Times are seconds since 1970. Of a batch and of the model in it, ``batch`` is its number, and
    ``rows`` are all that were computed together."""

    name: StepName
    began: Seconds
    ended: Seconds
    batch: Count = 0
    rows: Count = 0
    backend: Annotated[str, Field(max_length=32)] = ""


class Traced(_Message):
    """What a question with a ``trace`` went through; sent once, right before what ends it."""

    kind: Literal["traced"] = "traced"
    id: int
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS)]


class Said(_Message):
    """A line for the log. Who it is about the engine cannot say."""

    kind: Literal["said"] = "said"
    level: Literal["warning", "error"]
    source: Annotated[str, Field(max_length=100)]
    message: Annotated[str, Field(max_length=1000)]


class Answer(_Message):
    """The answer lies in memory. ``queued``: seconds from the question to its first batch."""

    kind: Literal["answer"] = "answer"
    id: int
    queued: Seconds


class Failure(_Message):
    """A request that cannot be answered; ``image`` is the one at fault, from 0."""

    kind: Literal["failure"] = "failure"
    id: int
    cause: Cause
    message: str
    image: int | None = None


class Dropped(_Message):
    """A request that was cancelled."""

    kind: Literal["dropped"] = "dropped"
    id: int


Last = Answer | Failure | Dropped
"""What ends a request."""
Notice = Loaded | Evicted | Computed
"""What is worth counting."""

ToEngine = Annotated[Predict | Infer | Cancel | Forget, Field(discriminator="kind")]
FromEngine = Annotated[
    Ready | Loaded | Evicted | Computed | Traced | Said | Answer | Failure | Dropped,
    Field(discriminator="kind"),
]

TO_ENGINE: TypeAdapter[Predict | Infer | Cancel | Forget] = TypeAdapter(ToEngine)
FROM_ENGINE: TypeAdapter[Ready | Notice | Traced | Said | Last] = TypeAdapter(FromEngine)
