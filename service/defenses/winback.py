"""What an attacker won back in the tests that were asked for. Imports no torch.

The meanings are those of :mod:`polarizer.winback`; the child's word is bounded here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

AttackTest = Literal["reactivation", "black-box-reactivation", "retuning"]

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class ReactivationShares(_Part):
    """Images that get the target class, none of which was searched on."""

    asr_before: Annotated[Share, Field(description="the trigger alone")]
    asr_after: Annotated[Share, Field(description="with a small perturbation found for it")]
    without_trigger: Annotated[Share, Field(description="clean images with that perturbation")]
    control: Annotated[Share, Field(description="clean images with one found for clean images")]
    won_back: Annotated[Share, Field(description="what the trigger adds to both controls")]


class ReactivationFacts(_Part):
    """A perturbation on top of the trigger (arXiv 2405.16134), found with gradients or answers."""

    test: Literal["reactivation", "black-box-reactivation"]
    bound: Annotated[Share, Field(description="L∞, in pixels of [0, 1]")]
    gradient_steps: Annotated[Count, Field(description="0: none, answers alone")]
    queries: Annotated[Count, Field(description="images shown; 0: gradients were used")]
    searched_on: Count
    measured_on: Count
    purified: ReactivationShares
    base: Annotated[ReactivationShares, Field(description="the same, of the model as it came")]
    seconds: Seconds


class RetuningShares(_Part):
    """ASR on triggered images that were not trained on; accuracy on clean ones likewise."""

    asr_before: Share
    asr_after: Annotated[Share, Field(description="after fine-tuning with the poisoned images")]
    new_trigger: Annotated[Share, Field(description="of an unseen patch, taught in the same way")]
    accuracy_before: Share | None
    accuracy_after: Share | None
    won_back: Annotated[Share, Field(description="beyond a new trigger, and beyond before")]


class RetuningFacts(_Part):
    """A short fine-tuning with a few poisoned images (arXiv 2410.09838)."""

    test: Literal["retuning"]
    poisoned: Count
    clean: Annotated[Count, Field(description="at most so many clean images beside them")]
    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    measured_on: Count
    purified: RetuningShares
    base: Annotated[RetuningShares, Field(description="the same, of the model as it came")]
    seconds: Seconds


AttackTestFacts = Annotated[ReactivationFacts | RetuningFacts, Field(discriminator="test")]
