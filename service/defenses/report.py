"""What a successful defense found: numbers before and after, and what they belong to.

The child writes it as ``out/report.json``; the runner checks it, puts in what only the runner can
vouch for (``Report.vouched``), and stores it. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from polarizer.alarm.facts import Calibration
from polarizer.config import Method, PurifyConfig
from polarizer.description import ModelDescription
from service.defenses.cleanset import CleanSetFacts
from service.defenses.details import (
    MAX_CLASSES,
    MAX_LAYERS,
    MAX_PICTURES,
    MAX_POINTS,
    ClassAccuracy,
    Confusion,
    LayerMovement,
    LossPoint,
    Surrogate,
)
from service.defenses.evidence import EvidenceFacts
from service.defenses.winback import AttackTestFacts

SCHEMA_VERSION: Literal[1] = 1

Role = Literal["model", "clean", "test", "triggered"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1000)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Numbers(_Part):
    """Shares in [0, 1]; null where there was nothing to measure them on.

    ``accuracy``: clean images given their class. ``attack_success``: triggered images of other
    classes given the target class. ``recovered_accuracy``: the same images given their true class.
    ``defense_effectiveness``: ``[max(0, ΔASR) - max(0, ΔACC) + 1] / 2``. ``clean_agreement``: clean
    images that the model as it came gives their label; ``wrong_labels``: an estimate of wrong ones
    among these; ``near_duplicates``: those that repeat an earlier one. ``won_back``: the most that
    an attack test brought back.
    """

    accuracy_before: Share | None = None
    accuracy_after: Share | None = None
    attack_success_before: Share | None = None
    attack_success_after: Share | None = None
    recovered_accuracy_before: Share | None = None
    recovered_accuracy_after: Share | None = None
    defense_effectiveness: Share | None = None
    clean_agreement: Share | None = None
    wrong_labels: Share | None = None
    near_duplicates: Share | None = None
    won_back: Share | None = None

    def merged(self, later: Numbers) -> Numbers:
        """These, and over them those of ``later`` that are not null."""
        return self.model_copy(update=later.model_dump(exclude_none=True))


class Warned(_Part):
    """Something that did not stop the job but that its user should know; ``code`` is stable."""

    code: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$")]
    message: Text


class InputFacts(_Part):
    """A file as it was handed to the child."""

    sha256: Digest
    size: Annotated[int, Field(ge=0, description="bytes")]
    filename: str | None


class ImageFacts(_Part):
    """What was read from a file of images; names are those of the first few files."""

    source_format: Text
    images: Count
    per_class: Annotated[dict[str, Count], Field(max_length=100_000)]
    resized: Annotated[Count, Field(description="images that came in another size")]
    damaged: Annotated[Count, Field(description="files that could not be read and were left out")]
    damaged_names: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    ignored: Annotated[Count, Field(description="files that are no images of a class")] = 0
    ignored_names: Annotated[tuple[Text, ...], Field(max_length=100)] = ()


class ArtefactFacts(_Part):
    """The purified model's file."""

    sha256: Digest
    size: Annotated[int, Field(ge=0, description="bytes")]


class Report(_Part):
    """Everything that a user is told about a purified model."""

    schema_version: Literal[1] = SCHEMA_VERSION
    defense_id: str
    attempt: Annotated[int, Field(ge=1)]
    model: ModelDescription
    config: Annotated[PurifyConfig, Field(description="as it was asked for")]
    method: Annotated[
        Method | None, Field(description="that was used: with auto, the one it came to")
    ] = None
    target_class: Annotated[str | None, Field(description="the attack's target, where known")]
    layers: Annotated[tuple[Text, ...], Field(description="the layers that were polarized")]
    trigger_norm: Annotated[float, Field(gt=0, description="L2, in pixels of [0, 1]")]
    steps: Count
    purify_seconds: Seconds
    numbers: Numbers
    evidence: Annotated[EvidenceFacts | None, Field(description="null: it was not asked for")] = (
        None
    )
    clean_set: Annotated[
        CleanSetFacts | None, Field(description="what the model as it came makes of clean images")
    ] = None
    attack_tests: Annotated[
        tuple[AttackTestFacts, ...],
        Field(max_length=10, description="what an attacker won back, where it was asked for"),
    ] = ()
    by_class: Annotated[
        tuple[ClassAccuracy, ...],
        Field(max_length=MAX_CLASSES, description="accuracy of each class that was measured"),
    ] = ()
    confusion: Annotated[
        Confusion | None, Field(description="null: nothing was measured, or the classes are many")
    ] = None
    surrogates: Annotated[
        tuple[Surrogate, ...],
        Field(
            max_length=MAX_PICTURES, description="of the suspects first, then the most anomalous"
        ),
    ] = ()
    losses: Annotated[
        tuple[LossPoint, ...], Field(max_length=MAX_POINTS, description="some of the steps")
    ] = ()
    movement: Annotated[
        tuple[LayerMovement, ...],
        Field(max_length=MAX_LAYERS, description="tensors of weights, in the file's order"),
    ] = ()
    timings: Annotated[
        dict[Annotated[str, Field(max_length=64)], Seconds],
        Field(max_length=20, description="seconds of each stage in the child"),
    ] = {}
    measured_on: Annotated[
        Literal["test", "held_out"],
        Field(description="held_out: clean images that trained nothing but chose the checkpoint"),
    ]
    inputs: dict[Role, InputFacts]
    images: dict[Role, ImageFacts]
    artefact: ArtefactFacts
    alarm: Annotated[Calibration | None, Field(description="null: no clean image was held out")] = (
        None
    )
    warnings: Annotated[tuple[Warned, ...], Field(max_length=200)]
    remarks: Annotated[tuple[Text, ...], Field(max_length=20)]
    device: Text
    versions: Annotated[dict[str, Text], Field(max_length=20)]

    def vouched(
        self,
        *,
        defense_id: str,
        attempt: int,
        config: PurifyConfig,
        inputs: dict[Role, InputFacts],
        artefact: ArtefactFacts,
    ) -> Self:
        """The same report with the runner's own knowledge in place of the child's word."""
        return self.model_copy(
            update={
                "defense_id": defense_id,
                "attempt": attempt,
                "config": config,
                "inputs": inputs,
                "artefact": artefact,
            }
        )
