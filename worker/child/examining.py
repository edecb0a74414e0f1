"""The examination of a repair without the trigger, and its progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.checkpoints import LoadedModel
from polarizer.evidence import examine
from service.defenses.details import Surrogate
from service.defenses.evidence import EvidenceFacts
from worker.child.details import surrogates
from worker.child.sets import ImageSets, split
from worker.child.voice import Voice
from worker.events import ProgressEvent
from worker.job import Job


@dataclass(frozen=True)
class Examined:
    """``pictures``: of the triggers that were found in the model as it came."""

    evidence: EvidenceFacts | None = None
    pictures: tuple[Surrogate, ...] = ()


def examined(
    job: Job,
    source: LoadedModel,
    shipped: LoadedModel,
    sets: ImageSets,
    device: torch.device,
    voice: Voice,
) -> Examined:
    """What is found; nothing when it was not asked for.

    Triggers are searched on the clean images that the purification was trained on, and measured
    on those that accuracy is measured on.
    """
    if job.evidence is None:
        return Examined()
    began = time.monotonic()

    triggers: dict[int, Tensor] = {}

    def keep(labels: Sequence[int], found: Tensor) -> None:
        triggers.update(zip(labels, found, strict=True))

    def tell(done: int, total: int) -> None:
        voice.say(as_event(done, total, time.monotonic() - began))

    evidence = examine(
        source.classifier,
        shipped.classifier,
        sets.measured_on,
        job.evidence,
        search=split(sets.clean.images, job.config)[0],
        names=source.description.classes,
        device=device,
        generator=torch.Generator().manual_seed(job.config.seed),
        on_progress=tell,
        on_triggers=keep,
    )
    facts = EvidenceFacts.of(evidence)
    return Examined(facts, surrogates(facts, triggers))


def as_event(done: int, total: int, seconds: float) -> ProgressEvent:
    """The work done as the runner is told it; the rest is expected to go on at this speed."""
    return ProgressEvent(
        part="evidence",
        fraction=done / total,
        step=done,
        steps=total,
        losses={},
        remaining_seconds=seconds / done * (total - done),
    )
