"""What the check of the clean images found, as a part of the report. Imports no torch.

The meanings are those of :mod:`polarizer.cleanset.report`; the child's word is bounded here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class FindingFacts(_Part):
    """One thing that is wrong with the clean images; ``code`` is stable."""

    code: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$", examples=["wrong-labels"])]
    severity: Annotated[
        Literal["note", "warning", "serious"],
        Field(description="serious: look at the images before spending time on a repair"),
    ]
    message: Annotated[str, Field(max_length=1000)]
    count: Annotated[Count, Field(description="images concerned")]
    label: Annotated[Count | None, Field(description="index of the class, where it is one")]
    examples: Annotated[
        tuple[Count, ...],
        Field(max_length=10, description="positions in the set, the clearest first"),
    ]


class CleanSetFacts(_Part):
    """The clean images, as the suspect model sees them; measured before the purification."""

    images: Count
    looked_at: Annotated[Count, Field(description="drawn at random, where there are very many")]
    agreement: Annotated[Share, Field(description="images that the model gives their label")]
    confidence: Annotated[Share, Field(description="mean probability of the model's answers")]
    wrong_labels: Annotated[Share, Field(description="an estimate")]
    near_duplicates: Annotated[Share, Field(description="images that repeat an earlier one")]
    shift: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="distance of the features from those of the training; from 1, suspicious",
        ),
    ]
    findings: Annotated[tuple[FindingFacts, ...], Field(max_length=50)]

    @classmethod
    def of(cls, report: object) -> Self:
        """From a :class:`polarizer.cleanset.CleanSetReport`."""
        return cls.model_validate(report)
