"""Hyper-parameters of a purification: frozen, validated, part of the request and the manifest.

Imports no torch. Deployment settings live elsewhere (``service/settings.py``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=0, le=100)]


class Method(StrEnum):
    """How the polarizers sit in the network."""

    STAGE = "stage"  # on every convolution (or linear layer) of the last stage, folded afterwards
    NPD = "npd"  # as published: 1x1 convolution + BatchNorm before one named layer


class PurifyConfig(BaseModel):
    """Settings of :func:`polarizer.purify`; the defaults are what we measured to be best."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = Method.STAGE
    layers: Annotated[
        tuple[str, ...] | None,
        Field(min_length=1, description="module names to polarize; null: chosen from the network"),
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    holdout: Annotated[
        float, Field(ge=0.05, le=0.5, description="part of the clean images kept for measuring")
    ] = 0.1
