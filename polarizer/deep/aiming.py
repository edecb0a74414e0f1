"""Which stand-in each image gets: the more often one succeeds, the more images it is given.

A backdoor opens one class, or a few, to one kind of trigger. Images spread evenly over all classes
and kinds would spend most of a short repair where nothing is wrong. So they are drawn in proportion
to how often a stand-in has succeeded lately, as a bandit plays its arms (Auer et al., 2002): as one
door closes, the next takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

AT_LEAST = 0.02  # of a stand-in's success counts always, so that none is forgotten
AT_FIRST = 0.5
MEMORY = 0.8  # of the estimate after one more image


class Kind(IntEnum):
    """What a stand-in is made of."""

    FINE = 0
    COARSE = 1
    PATCH = 2


@dataclass(frozen=True, eq=False)
class Aims:
    """For each of N images the class that its stand-in drives it to, ``targets`` (N,), and the
    :class:`Kind` of stand-in that it takes, ``kinds`` (N,): on the CPU, where they were drawn, so
    that nothing has to be read back from a device to know who takes what."""

    targets: Tensor
    kinds: Tensor

    def of(self, kind: Kind) -> Tensor:
        """Which of the images take that kind: (N,) of bool."""
        return self.kinds == kind


class Aim:
    """How often the stand-in of each kind for each of ``classes`` has succeeded lately."""

    def __init__(self, classes: int, generator: torch.Generator) -> None:
        self.success = torch.full((len(Kind), classes), AT_FIRST)
        self._generator = generator

    def draw(self, labels: Tensor, at_least: float = AT_LEAST) -> Aims:
        """For images of classes ``labels`` (N,), of the CPU, never an image's own class.

        A stand-in's chance is its success and ``at_least`` more.
        """
        kinds, classes = self.success.shape
        own = torch.nn.functional.one_hot(labels, classes).bool()
        chances = (self.success + at_least).expand(len(labels), kinds, classes)
        chances = chances.masked_fill(own[:, None], 0)
        drawn = torch.multinomial(chances.flatten(1), 1, generator=self._generator)[:, 0]
        return Aims(targets=drawn % classes, kinds=drawn // classes)

    def note(self, aims: Aims, hits: Tensor) -> None:
        """Which images that were changed as they were aimed were given their target: ``hits`` (N,)
        of bool."""
        arms = self.success.numel()
        drawn = aims.targets + self.success.shape[1] * aims.kinds
        counts = torch.bincount(drawn, minlength=arms).float()
        rates = torch.bincount(drawn, hits.float(), minlength=arms) / counts.clamp(min=1)
        kept = MEMORY**counts
        estimates = kept * self.success.flatten() + (1 - kept) * rates
        self.success = estimates.view_as(self.success)


def succeeded(aims: Aims, logits: Tensor) -> Tensor:
    """Which of N images were given the class that they were driven to: (N,) of bool, on the CPU.

    Waits for ``logits`` (N, K).
    """
    given: Tensor = logits.detach().argmax(1).cpu() == aims.targets
    return given
