"""Which stand-in each image gets: the more often one succeeds, the more images it is given.

A backdoor opens one class, or a few, to one kind of trigger. Images spread evenly over all classes
and kinds would spend most of a short repair where nothing is wrong. So they are drawn in proportion
to how often a stand-in has succeeded lately, as a bandit plays its arms (Auer et al., 2002): as one
door closes, the next takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

AT_LEAST = 0.02  # of a stand-in's success counts always, so that none is forgotten
AT_FIRST = 0.5
MEMORY = 0.8  # of the estimate after one more image


@dataclass(frozen=True, eq=False)
class Aims:
    """For each of N images the class that its stand-in drives it to, ``targets`` (N,), and whether
    that takes the coarse pattern, ``coarse`` (N,) of bool, or the fine one."""

    targets: Tensor
    coarse: Tensor


class Aim:
    """How often the fine and the coarse stand-in of each of ``classes`` has succeeded lately."""

    def __init__(self, classes: int, generator: torch.Generator) -> None:
        self.success = torch.full((2, classes), AT_FIRST)
        self._generator = generator

    def draw(self, labels: Tensor) -> Aims:
        """For images of classes ``labels`` (N,), never an image's own class."""
        kinds, classes = self.success.shape
        own = torch.nn.functional.one_hot(labels.cpu(), classes).bool()
        chances = (self.success + AT_LEAST).expand(len(labels), kinds, classes)
        chances = chances.masked_fill(own[:, None], 0)
        drawn = torch.multinomial(chances.flatten(1), 1, generator=self._generator)[:, 0]
        drawn = drawn.to(labels.device)
        return Aims(targets=drawn % classes, coarse=drawn >= classes)

    def note(self, aims: Aims, logits: Tensor) -> None:
        """What ``logits`` (N, K) say to images that were changed as they were aimed."""
        classes = self.success.shape[1]
        drawn = (aims.targets + classes * aims.coarse).cpu()
        hits = (logits.detach().argmax(1) == aims.targets).float().cpu()
        counts = torch.bincount(drawn, minlength=2 * classes).float()
        rates = torch.bincount(drawn, hits, minlength=2 * classes) / counts.clamp(min=1)
        kept = MEMORY**counts
        estimates = kept * self.success.flatten() + (1 - kept) * rates
        self.success = estimates.view(2, classes)
