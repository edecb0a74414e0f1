"""Which stand-in each image gets: the more often one succeeds, the more images it is given.

A backdoor opens one class, or a few, to one kind of trigger. Images spread evenly over all classes
and kinds would spend most of a short repair where nothing is wrong. So they are drawn in proportion
to how often a stand-in has succeeded lately, as a bandit plays its arms (Auer et al., 2002): as one
door closes, the next takes its place.

Not every backdoor leads to one class: one that turns each class into the next (all-to-all) is to no
class's stand-in more than a ninth of a door. So a few stand-ins lead away: from an image's own
class, wherever to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

AT_LEAST = 0.02  # of a stand-in's success counts always, so that none is forgotten
AT_FIRST = 0.5
AWAY = 2  # stand-ins of each kind that lead away
AWAY_COUNTS = 2.0  # times the images of one that leads to a class and succeeds as often
MEMORY = 0.8  # of the estimate after one more image


class Kind(IntEnum):
    """What a stand-in is made of."""

    FINE = 0
    COARSE = 1
    PATCH = 2


@dataclass(frozen=True, eq=False)
class Aims:
    """For each of N images of classes ``labels`` (N,) what its stand-in drives it to, ``goals``
    (N,), and the :class:`Kind` of stand-in that it takes, ``kinds`` (N,): on the CPU, where they
    were drawn, so that nothing has to be read back from a device to know who takes what.

    A goal is one of ``classes``, or a number from there on: away from the image's own class.
    """

    goals: Tensor
    kinds: Tensor
    labels: Tensor
    classes: int

    @property
    def away(self) -> Tensor:
        """Which of the images are driven away: (N,) of bool."""
        return self.goals >= self.classes

    def of(self, kind: Kind) -> Tensor:
        """Which of the images take that kind: (N,) of bool."""
        return self.kinds == kind


class Aim:
    """How often each stand-in of a kind has succeeded lately: those for each of ``classes``, and
    those that lead away."""

    def __init__(self, classes: int, generator: torch.Generator) -> None:
        self.classes = classes
        self.success = torch.full((len(Kind), goals_of(classes)), AT_FIRST)
        self._counts = torch.ones(goals_of(classes))
        self._counts[classes:] = AWAY_COUNTS
        self._generator = generator

    def draw(self, labels: Tensor, at_least: float = AT_LEAST) -> Aims:
        """For images of classes ``labels`` (N,), of the CPU, never an image's own class.

        A stand-in's chance is its success and ``at_least`` more, twice that of one that leads away.
        """
        kinds, goals = self.success.shape
        own = torch.nn.functional.one_hot(labels, goals).bool()
        chances = (self._counts * (self.success + at_least)).expand(len(labels), kinds, goals)
        chances = chances.masked_fill(own[:, None], 0)
        drawn = torch.multinomial(chances.flatten(1), 1, generator=self._generator)[:, 0]
        return Aims(drawn % goals, drawn // goals, labels, self.classes)

    def note(self, aims: Aims, hits: Tensor) -> None:
        """Which images that were changed as they were aimed went there: ``hits`` (N,) of bool."""
        arms = self.success.numel()
        drawn = aims.goals + self.success.shape[1] * aims.kinds
        counts = torch.bincount(drawn, minlength=arms).float()
        rates = torch.bincount(drawn, hits.float(), minlength=arms) / counts.clamp(min=1)
        kept = MEMORY**counts
        estimates = kept * self.success.flatten() + (1 - kept) * rates
        self.success = estimates.view_as(self.success)


def goals_of(classes: int) -> int:
    """How many stand-ins of a kind there are."""
    return classes + AWAY


def succeeded(aims: Aims, logits: Tensor) -> Tensor:
    """Which of N images went where they were driven: (N,) of bool, on the CPU.

    Waits for ``logits`` (N, K).
    """
    answers = logits.detach().argmax(1).cpu()
    return torch.where(aims.away, answers != aims.labels, answers == aims.goals)
