"""What is known of a calibrated alarm. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Calibration(BaseModel):
    """A threshold for how far two models disagree, and what stands behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: Annotated[float, Field(ge=0, description="images above it are flagged")]
    images: Annotated[int, Field(ge=1, description="clean ones that it was chosen on")]
    flagged: Annotated[int, Field(ge=0, description="how many of these are above it")]
    rate: Annotated[
        float,
        Field(gt=0, le=1, description="share of clean images that are flagged, at most"),
    ]
