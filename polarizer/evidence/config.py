"""How much work the examination is allowed; imports no torch, part of the request."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class EvidenceConfig(BaseModel):
    """Settings of :func:`polarizer.evidence.examine`; the error rates were measured with these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Annotated[int, Field(ge=1, le=500, description="of each search for a trigger")] = 20
    batch_size: Annotated[int, Field(ge=2, le=1024, description="images a class in a step")] = 16
    images: Annotated[
        int, Field(ge=20, le=10_000, description="held-out images to measure on, at most")
    ] = 96
    classes: Annotated[
        int, Field(ge=4, le=256, description="classes to examine at most; others are screened out")
    ] = 16
    trigger_norm: Annotated[
        float | None,
        Field(gt=0, le=1000, description="L2 bound in pixels of [0, 1]; null: from the image size"),
    ] = None
