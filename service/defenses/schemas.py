"""What a caller sends to have a model defended, and sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictInt, StrictStr, Tag

from polarizer.config import PurifyConfig
from polarizer.description import ModelDescription
from polarizer.evidence.config import EvidenceConfig
from service.defenses.report import Digest, Numbers, Role
from service.defenses.states import QueueName, Stage, Status
from service.defenses.winback import AttackTest
from service.webhooks.schemas import Kind, Webhook

if TYPE_CHECKING:  # a repair without a service needs no database
    from service.records import DefenseRecord, EventRecord, InputRecord

ROLES: tuple[Role, ...] = get_args(Role)
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UploadReference(_Sent):
    """A file that was sent to ``POST /v1/uploads``."""

    upload: Annotated[
        str, Field(pattern="^upl_[0-9a-z]{26}$", examples=["upl_01kpgs5m3w8x7v6t5r4q3p2n1m"])
    ]


class UriReference(_Sent):
    """An object in a bucket that the service may read; with ``sha256`` it must be those bytes."""

    uri: Annotated[
        str, Field(max_length=2048, pattern=_PRINTABLE, examples=["s3://bucket/clean.npz"])
    ]
    sha256: Digest | None = None


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever was sent
    if isinstance(value, dict):
        return "uri" if "uri" in value else "upload"
    return "uri" if isinstance(value, UriReference) else "upload"


Reference = Annotated[
    Annotated[UploadReference, Tag("upload")] | Annotated[UriReference, Tag("uri")],
    Discriminator(_kind),
]


class DefenseRequest(_Sent):
    """Which model to defend, with which images, and how.

    ``model`` and ``clean`` are needed, here or as files of a multipart body. ``triggered`` (images
    that carry the backdoor's trigger, with their true labels) and ``target_class`` go together.
    """

    name: Annotated[str | None, Field(min_length=1, max_length=200, pattern=_PRINTABLE)] = None
    priority: Annotated[
        int,
        Field(ge=0, le=9, description="of the caller's own jobs, those with a higher one go first"),
    ] = 5
    queue: Annotated[
        QueueName | None, Field(description="which workers take it; null: the service's choice")
    ] = None
    model: Annotated[Reference | None, Field(description="the suspect model's file")] = None
    clean: Annotated[Reference | None, Field(description="images to repair it with")] = None
    test: Annotated[Reference | None, Field(description="images to measure on only")] = None
    triggered: Annotated[
        Reference | None, Field(description="images to measure the attack's success on")
    ] = None
    description: Annotated[
        ModelDescription | None,
        Field(description="null: the model's file carries its own, as ours do"),
    ] = None
    target_class: Annotated[
        Annotated[StrictInt, Field(ge=0)] | Annotated[StrictStr, Field(max_length=1000)] | None,
        Field(description="the class that the trigger leads to: its index or its name"),
    ] = None
    config: PurifyConfig = PurifyConfig()
    attack_tests: Annotated[
        tuple[AttackTest, ...],
        Field(
            max_length=3,
            description="what an attacker who knows the trigger could win back, to be tried on the"
            " purified model; needs triggered images",
        ),
    ] = ()
    evidence: Annotated[
        EvidenceConfig | None,
        Field(description="how to look for triggers that nobody sent; null: not at all"),
    ] = EvidenceConfig()
    fresh: Annotated[
        bool, Field(description="make it anew, although the same defense was made before")
    ] = False
    webhook: Annotated[
        Webhook | None, Field(description="whom to tell what becomes of it; null: nobody")
    ] = None

    def reference(self, role: Role) -> UploadReference | UriReference | None:
        found: UploadReference | UriReference | None = getattr(self, role)
        return found


class InputView(BaseModel):
    """One input: the file that we keep, or the reference that the worker fetches."""

    filename: str | None
    uri: str | None
    sha256: str | None
    size: Annotated[int | None, Field(description="bytes")]

    @classmethod
    def of(cls, record: InputRecord, sizes: Mapping[str, int] | None = None) -> Self:
        if sizes is not None:
            size = sizes.get(record.role)
        else:
            size = record.blob.size if record.blob else None
        return cls(filename=record.filename, uri=record.uri, sha256=record.sha256, size=size)


class Failure(BaseModel):
    """Why a defense failed; branch on ``code``, ``message`` is for people."""

    code: Annotated[str, Field(examples=["checkpoint-keys"])]
    message: str


class Defense(BaseModel):
    """A job: its state, its numbers so far, and what it was asked to do."""

    id: Annotated[str, Field(examples=["def_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    name: str | None
    status: Status
    priority: int
    queue: QueueName
    stage: Annotated[Stage | None, Field(description="what it is doing, while it runs")]
    progress: Annotated[float, Field(ge=0, le=1)]
    attempt: Annotated[int, Field(description="how many workers have taken it")]
    numbers: Annotated[Numbers | None, Field(description="what is measured so far")]
    error: Annotated[Failure | None, Field(description="why it failed")]
    model_id: Annotated[str | None, Field(description="the purified model, once it succeeded")]
    has_report: bool
    answered_from: Annotated[
        str | None,
        Field(description="the earlier defense that it repeats, whose result and report it has"),
    ] = None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    estimated_finish_at: datetime | None
    inputs: dict[Role, InputView]
    description: ModelDescription | None
    target_class: int | str | None
    attack_tests: tuple[AttackTest, ...] = ()
    webhook: Annotated[
        Webhook | None, Field(description="whom it tells; null too once nobody is there any more")
    ] = None
    config: PurifyConfig
    evidence: EvidenceConfig | None = None

    @classmethod
    def of(cls, record: DefenseRecord, sizes: Mapping[str, int] | None = None) -> Self:
        """``sizes``: bytes of its inputs' files by role, where nobody need ask for them."""
        return cls.model_validate(
            {
                "id": record.id,
                "name": record.name,
                "status": record.status,
                "priority": record.priority,
                "queue": record.queue,
                "stage": record.stage,
                "progress": record.progress,
                "attempt": record.attempt,
                "numbers": record.numbers,
                "error": record.error,
                "model_id": record.model.id if record.model else None,
                "has_report": record.report_blob_id is not None,
                "answered_from": record.answered_from,
                "created_at": record.created_at,
                "started_at": record.started_at,
                "finished_at": record.finished_at,
                "estimated_finish_at": record.estimated_finish_at,
                "webhook": webhook_of(record),
                "inputs": {item.role: InputView.of(item, sizes) for item in record.inputs},
                **record.request,
            }
        )

    def as_created(self) -> Self:
        """As the first answer showed it, whatever became of it since."""
        if self.answered_from is not None:
            return self
        later = {"stage", "numbers", "error", "model_id"}
        later |= {"started_at", "finished_at", "estimated_finish_at"}
        first = {"status": Status.QUEUED, "progress": 0.0, "attempt": 0, "has_report": False}
        return self.model_copy(update=dict.fromkeys(later) | first)


def webhook_of(record: DefenseRecord) -> Webhook | None:
    """What it was asked to tell."""
    if record.webhook_url is None:
        return None
    return Webhook(url=record.webhook_url, events=tuple(map(Kind, record.webhook_events or ())))


class Event(BaseModel):
    """Something that happened to a defense; ``type`` says what ``data`` holds."""

    sequence: Annotated[int, Field(description="1, 2, 3, … without gaps")]
    attempt: int
    type: Annotated[str, Field(examples=["status"])]
    data: Annotated[dict[str, Any], Field(examples=[{"status": "queued"}])]
    created_at: datetime

    @classmethod
    def of(cls, record: EventRecord) -> Self:
        return cls(
            sequence=record.sequence,
            attempt=record.attempt,
            type=record.type,
            data=record.data,
            created_at=record.created_at,
        )

    @property
    def is_last(self) -> bool:
        """Nothing follows: the defense has reached a terminal state."""
        return self.type == "status" and Status(self.data["status"]).is_terminal
