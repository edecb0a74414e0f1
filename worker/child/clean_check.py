"""The check of the clean images, as warnings and numbers that are told before the purification."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from polarizer.checkpoints import LoadedModel
from polarizer.cleanset import CleanSetReport, check
from service.defenses.report import Numbers, Warned
from worker.child.sets import ImageSets
from worker.job import Job


def check_clean(
    job: Job, source: LoadedModel, sets: ImageSets, device: torch.device
) -> CleanSetReport:
    """What the model as it came makes of the clean images."""
    return check(
        source.classifier,
        sets.clean.images,
        classes=source.description.classes,
        test=None if sets.test is None else sets.test.images,
        device=device,
        seed=job.config.seed,
    )


def warnings_of(found: CleanSetReport) -> Iterator[Warned]:
    """Every finding, the most severe first."""
    for finding in found.findings:
        yield Warned(code=finding.code, message=finding.message[:1000])


def numbers_of(found: CleanSetReport) -> Numbers:
    """What a caller can decide by, while the job runs."""
    return Numbers(
        clean_agreement=found.agreement,
        wrong_labels=found.wrong_labels,
        near_duplicates=found.near_duplicates,
    )
