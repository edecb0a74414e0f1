"""What the API answers, typed. Fields that a newer service adds are kept, not refused."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Status(StrEnum):
    """States of a defense; the last three never change."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class Record(BaseModel):
    """Of all answers."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Page(Record, Generic[T]):
    """One page of a list; ``has_more`` says whether another follows."""

    data: list[T]
    has_more: bool


class Upload(Record):
    """A file that defenses may name by its id; ``size`` in bytes."""

    id: str
    sha256: str
    size: int
    filename: str | None
    created_at: datetime


class Multipart(Record):
    """An upload in parts: ``part_count`` of ``part_size`` bytes each, the last what is left.
    ``state``: open, completed, aborted, failed."""

    id: str
    state: str
    size: int
    sha256: str
    filename: str | None
    part_size: int
    part_count: int
    links: bool
    upload_id: str | None
    created_at: datetime
    expires_at: datetime


class KeptPart(Record):
    """A part that the service has; ``size`` in bytes."""

    number: int
    size: int
    sha256: str | None


class Failure(Record):
    """Why a defense failed; branch on ``code``."""

    code: str
    message: str


class InputView(Record):
    """One input of a defense; ``size`` in bytes."""

    filename: str | None
    uri: str | None
    sha256: str | None
    size: int | None


class Defense(Record):
    """A job. ``numbers`` are shares of 1; ``progress`` runs from 0 to 1."""

    id: str
    name: str | None
    status: Status
    stage: str | None
    progress: float
    attempt: int
    numbers: dict[str, float | None] | None
    error: Failure | None
    model_id: str | None
    has_report: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    estimated_finish_at: datetime | None
    inputs: dict[str, InputView]
    description: dict[str, Any] | None
    target_class: int | str | None
    config: dict[str, Any]
    evidence: dict[str, Any] | None = None
    attack_tests: tuple[str, ...] = ()
    answered_from: str | None = None
    priority: int = 5
    queue: str = "cpu"


class Event(Record):
    """Something that happened to a defense; ``type`` says what ``data`` holds."""

    sequence: int
    attempt: int
    type: str
    data: dict[str, Any]
    created_at: datetime

    @property
    def is_last(self) -> bool:
        """Nothing follows: the defense has ended."""
        return self.type == "status" and self.data.get("status") in (
            Status.SUCCEEDED,
            Status.FAILED,
            Status.CANCELLED,
        )


class Alarm(Record):
    """How a model tells that it is attacked; ``rate``: clean images flagged at most."""

    on: bool
    threshold: float
    images: int
    flagged: int
    rate: float


class Model(Record):
    """A purified model; ``size`` in bytes."""

    id: str
    name: str | None
    defense_id: str | None
    method: str
    description: dict[str, Any]
    numbers: dict[str, Any]
    alarm: Alarm | None
    sha256: str
    size: int
    created_at: datetime


class Version(Record):
    """One model that a name pointed at; ``model_id`` is null once that is deleted."""

    version: int
    model_id: str | None
    created_at: datetime


class ShortName(Record):
    """A name and which of its versions answers."""

    name: str
    version: int
    created_at: datetime
    updated_at: datetime


class Name(ShortName):
    """A name, the model that answers, and what came before, newest first."""

    model_id: str | None
    versions: list[Version]


class ClassProbability(Record):
    """One class that an image may show."""

    label: str
    index: int
    probability: float


class Prediction(Record):
    """One image. ``flagged`` and ``base_top`` are null while the model's alarm is off."""

    index: int
    top: list[ClassProbability]
    flagged: bool | None
    base_top: list[ClassProbability] | None


class Predictions(Record):
    """One prediction an image, in the order of the request."""

    model_id: str
    predictions: list[Prediction]


class Tensor(Record):
    """A named tensor of the Open Inference Protocol."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []
    parameters: dict[str, Any] | None = None


class Inference(Record):
    """What a model answered to tensors."""

    model_name: str
    model_version: str | None = None
    id: str | None = None
    outputs: list[Tensor]


class ModelMetadata(Record):
    """What a model takes and answers, as the Open Inference Protocol says it."""

    name: str
    versions: list[str] | None = None
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class Readiness(Record):
    """Whether the service's parts answer, each ``ok`` or what is the matter."""

    status: str
    parts: dict[str, str]


class Report(Record):
    """What was measured, before and after. Only what everybody needs is typed; the rest is there
    under its name."""

    schema_version: int
    defense_id: str
    numbers: dict[str, float | None]
    remarks: tuple[str, ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()
    evidence: dict[str, Any] | None = None
