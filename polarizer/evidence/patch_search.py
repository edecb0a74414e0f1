"""A patch for each of the classes that a patch comes nearest to.

A pattern of bounded norm reaches natural weaknesses before it looks like a patch, so patches are
searched by themselves: squares are tried all over the image, and the values of the best are climbed
where they lie. What a square does to every class is seen in the same passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.evidence.inversion import PASS, Inversion, unit
from polarizer.images import LabelledImages
from polarizer.squares import IMAGES, LEAST, Squares, pasted, tried

CLASSES = 4  # whose patches are climbed
PLACES = 2  # for each of them
STEPS = 10
STEP = 0.25  # of the range of a pixel
MOMENTUM = 0.6


@dataclass(frozen=True, eq=False)
class Targeted:
    """Squares, and the class that each leads to: int64 (T,)."""

    patches: Squares
    targets: Tensor


@dataclass(frozen=True, eq=False)
class PatchSearch:
    """What both models are given alike: the images of each step, and the ``squares`` tried first.

    ``tick`` is called for each pass forward, that of ``inversion`` for each forward and back.
    """

    inversion: Inversion
    squares: Squares
    tick: Callable[[], None]

    def tries(self) -> int:
        """How often ``tick`` is called for one classifier."""
        return -(-len(self.squares) // _TOGETHER)

    def climbs(self, labels: int) -> int:
        """How often ``inversion.tick`` is, with so many classes to examine."""
        return len(self._order) * -(-patches_of(labels) // self.inversion.together)

    def found(
        self, classifier: Classifier, images: LabelledImages, labels: Sequence[int]
    ) -> Targeted:
        """The patches for the classes of ``labels`` that squares come nearest to, on the CPU."""
        scores = self._scores(classifier, images)[:, list(labels)]
        chosen, targets = [], []
        for one in scores.amax(0).topk(min(CLASSES, len(labels))).indices.tolist():
            chosen += _best_apart(self.squares, scores[:, one])
            targets += [labels[one]] * PLACES
        start = Targeted(self.squares.select(torch.tensor(chosen)), torch.tensor(targets))
        return Targeted(self._climbed(classifier, images, start), start.targets)

    @property
    def _order(self) -> Tensor:
        return self.inversion.order[:STEPS]

    def _scores(self, classifier: Classifier, images: LabelledImages) -> Tensor:
        """How likely each square makes each class, as mean logarithm over images of others."""
        some = images.select(self.inversion.order.flatten()[:IMAGES])
        pixels = some.pixels().to(self.inversion.device)
        rows = []
        for group in self.squares.split(_TOGETHER):
            rows.append(tried(classifier, pixels, group).cpu())
            self.tick()
        likely = torch.cat(rows)
        others = some.labels[:, None] != torch.arange(likely.shape[2])
        return (likely * others).sum(1) / others.sum(0) + LEAST * (others.sum(0) == 0)

    def _climbed(self, classifier: Classifier, images: LabelledImages, start: Targeted) -> Squares:
        size = self.inversion.together
        groups = zip(start.patches.split(size), torch.split(start.targets, size), strict=True)
        values = [self._group_climbed(classifier, images, *group) for group in groups]
        return Squares(torch.cat(values), start.patches.places)

    def _group_climbed(
        self, classifier: Classifier, images: LabelledImages, patches: Squares, targets: Tensor
    ) -> Tensor:
        patches = _on(patches, self.inversion.device)
        values, velocity = patches.values, torch.zeros_like(patches.values)
        for indices in self._order:
            batch, shown = images.select(indices), Squares(values, patches.places)
            gradient = self._gradient(classifier, batch, shown, targets)
            velocity = MOMENTUM * velocity + unit(gradient)
            values = (values - STEP * velocity.sign()).clamp(0, 1)
            self.inversion.tick()
        return values.cpu()

    def _gradient(
        self, classifier: Classifier, batch: LabelledImages, patches: Squares, targets: Tensor
    ) -> Tensor:
        device, low = self.inversion.device, self.inversion.autocast
        values = patches.values.detach().requires_grad_()
        with torch.autocast(device.type, low, enabled=low is not None):
            marked = pasted(batch.pixels().to(device), Squares(values, patches.places))
            logits = classifier(marked).float()
        wanted = targets.repeat_interleave(len(batch)).to(device)
        counted = wanted != batch.labels.to(device).repeat(len(targets))
        losses = cross_entropy(logits, wanted, reduction="none") * counted
        (gradient,) = torch.autograd.grad(losses.sum(), values)
        return gradient


def patches_of(labels: int) -> int:
    """How many patches are found, with so many classes to examine."""
    return PLACES * min(CLASSES, labels)


_TOGETHER = PASS // IMAGES


def _best_apart(squares: Squares, scores: Tensor) -> list[int]:
    """The best of ``squares`` by ``scores`` (T,), and the best of those that do not touch it."""
    first = int(scores.argmax())
    free = scores.masked_fill(squares.overlap(first), float("-inf"))
    return [first, int(free.argmax())]


def _on(patches: Squares, device: torch.device) -> Squares:
    return Squares(patches.values.to(device), patches.places)
