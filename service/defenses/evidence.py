"""What trigger-free evidence says of a repair, as a part of the report. Imports no torch.

The meanings are those of :mod:`polarizer.evidence.results`; the child's word is bounded here.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from polarizer.evidence.results import Evidence, Verdict

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Norm = Annotated[float, Field(gt=0, allow_inf_nan=False, description="L2, in pixels of [0, 1]")]
Count = Annotated[int, Field(ge=0)]
Label = Annotated[int, Field(ge=0, description="index of the class")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MAX_CLASSES = 1000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class ClassEvidenceFacts(_Part):
    """What one perturbation takes to send images of all other classes to this one."""

    label: Label
    norm_before: Annotated[
        Norm, Field(description="at which half of the images flip, in the model as it came")
    ]
    norm_after: Annotated[Norm, Field(description="the same, searched anew after the repair")]
    anomaly_before: Annotated[
        Finite, Field(description="robust standard deviations below the median class (MAD index)")
    ]
    anomaly_after: Finite
    gain: Annotated[
        Finite, Field(description="growth of the norm beyond the median class's, as a logarithm")
    ]
    surrogate_norm: Annotated[Norm, Field(description="of the surrogate trigger that is compared")]
    flips_before: Annotated[
        Share, Field(description="images that the surrogate sends here, before the repair")
    ]
    flips_after: Annotated[Share, Field(description="the same surrogate, after the repair")]
    new_flips: Annotated[Share, Field(description="one of that norm searched anew, after it")]
    patch_before: Annotated[
        Share | None, Field(description="images that a small patch sends here, before the repair")
    ] = None
    patch_after: Annotated[Share | None, Field(description="the same patch, after the repair")] = (
        None
    )
    new_patch: Annotated[Share | None, Field(description="one searched anew, after it")] = None


class ControlFacts(_Part):
    """A perturbation with random goals: the share of predictions that it changes."""

    norm: Norm
    flips_before: Share
    flips_after: Annotated[Share, Field(description="the same perturbation, after the repair")]
    new_flips: Annotated[Share, Field(description="one searched anew after the repair")]


class EvidenceFacts(_Part):
    """Whether a door to a class was found without knowing the trigger, and whether it is closed."""

    verdict: Verdict
    words: Annotated[str, Field(max_length=2000)]
    suspects: Annotated[tuple[Label, ...], Field(max_length=MAX_CLASSES)]
    classes: Annotated[tuple[ClassEvidenceFacts, ...], Field(max_length=MAX_CLASSES)]
    known_classes: Annotated[int, Field(ge=1, description="those of the model")]
    control: ControlFacts | None
    images: Annotated[Count, Field(description="that the shares were measured on")]
    bound: Annotated[Norm, Field(description="of the searches")]
    seconds: Seconds

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        return cls.model_validate(evidence)
