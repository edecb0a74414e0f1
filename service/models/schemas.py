"""What a caller sees of a defended model."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from polarizer.alarm.facts import Calibration
from polarizer.description import ModelDescription
from service.records import ModelRecord


class AlarmSwitch(BaseModel):
    """Whether a model raises alarms."""

    model_config = ConfigDict(extra="forbid")

    on: bool


class Alarm(Calibration):
    """How a model tells that it is being attacked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool


class Model(BaseModel):
    """A purified model: what it is, where it comes from, what was measured."""

    id: Annotated[str, Field(examples=["mdl_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    name: Annotated[str | None, Field(examples=["street signs, repaired"])]
    defense_id: Annotated[
        str | None,
        Field(
            description="the defense that made it; null when that was deleted",
            examples=["def_01kpgs2a9b8c7d6e5f4g3h2j1k"],
        ),
    ]
    method: Annotated[str, Field(description="how it was repaired", examples=["stage"])]
    description: Annotated[
        ModelDescription, Field(description="architecture, preprocessing and class names")
    ]
    numbers: Annotated[
        dict[str, Any],
        Field(
            description="measured before and after; fractions of 1",
            examples=[{"accuracy_before": 0.863, "accuracy_after": 0.845}],
        ),
    ]
    alarm: Annotated[
        Alarm | None, Field(description="null: no clean image was held out to calibrate it on")
    ]
    sha256: Annotated[str, Field(description="of the file", examples=["9f86d081884c7d65" * 4])]
    size: Annotated[int, Field(description="bytes of the file", examples=[11207312])]
    created_at: datetime

    @classmethod
    def of(cls, record: ModelRecord) -> Self:
        return cls(
            id=record.id,
            name=record.name,
            defense_id=record.defense_id,
            method=record.method,
            description=ModelDescription.model_validate(record.description),
            numbers=record.numbers,
            alarm=Alarm.model_validate(record.alarm | {"on": record.alarm_on})
            if record.alarm
            else None,
            sha256=record.blob.sha256,
            size=record.blob.size,
            created_at=record.created_at,
        )
