"""``method="auto"``: the mild repair where it is seen to close a door, the deep one otherwise.

The polarizers of the last stage lose the least accuracy and close what a patch has opened; they do
not reach a trigger that covers or warps the image, and ``deep`` does, for a few points. The probes
of :mod:`polarizer.evidence` decide, from clean images alone. They overlook doors, so finding none
proves nothing: only a door that was found, and is closed now, lets the mild repair stand. Of nine
backdoored digits models the worst attack success left is 22 % so, 49 % where finding none was
enough, and 10 % with ``deep`` always (docs/benchmarks/defense.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from polarizer.classifier import Classifier
from polarizer.config import Method, PurifyConfig
from polarizer.evidence import EvidenceConfig, Verdict, examine
from polarizer.images import LabelledImages
from polarizer.progress import OnProgress, Progress, Started

ENOUGH_HELD_OUT = 60  # images; with fewer the examination takes all clean images
SHARED = ("seed", "holdout", "precision", "steps", "batch_size")


@dataclass(frozen=True)
class Plan:
    """The two settings that ``auto`` stands for."""

    mild: PurifyConfig
    deep: PurifyConfig

    @classmethod
    def of(cls, config: PurifyConfig) -> Plan:
        """What ``config`` says goes to the mild repair, and ``SHARED`` of it to both."""
        said = config.model_dump(include=config.model_fields_set)
        shared = {name: said[name] for name in SHARED if name in said}
        return cls(
            mild=PurifyConfig(**said | {"method": Method.STAGE}),
            deep=PurifyConfig(**shared, method=Method.DEEP),
        )

    def tellers(self, tell: OnProgress) -> tuple[OnProgress, OnProgress]:
        """Progress of each repair as a part of both, so that it never goes back."""
        total = self.mild.steps + self.deep.steps
        return _shifted(tell, 0, total), _shifted(tell, self.mild.steps, total)


def reason_to_go_deep(
    base: Classifier,
    purified: Classifier,
    clean: LabelledImages,
    held_out: LabelledImages,
    *,
    device: torch.device,
    generator: torch.Generator,
) -> str | None:
    """What the examination found, in words, unless it found a door that is closed now."""
    images = held_out if len(held_out) >= ENOUGH_HELD_OUT else clean
    found = examine(base, purified, images, EvidenceConfig(), device=device, generator=generator)
    return None if found.verdict is Verdict.CLOSED else found.words


def _shifted(tell: OnProgress, before: int, total: int) -> Callable[[Progress], None]:
    def told(event: Progress) -> None:
        if isinstance(event, Started):
            tell(replace(event, steps=total))
        else:
            tell(replace(event, step=event.step + before, steps=total))

    return told
