"""Which classes to examine, where there are too many for a full search each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.evidence.inversion import Inversion, invert, with_triggers
from polarizer.images import LabelledImages

STEPS = 2
IMAGES = 4


def screened(
    classifiers: Sequence[Classifier],
    images: LabelledImages,
    known: int,
    most: int,
    inversion: Inversion,
    generator: torch.Generator,
) -> list[int]:
    """At most ``most`` of ``known`` classes, in their order.

    Half of them are those that a short search gets nearest to, in each of ``classifiers`` equally
    many; the others are drawn at random, so that the median class is an ordinary one.
    """
    if known <= most:
        return list(range(known))
    share = most // (2 * len(classifiers))
    chosen: set[int] = set()
    for classifier in classifiers:
        scores = _scores(classifier, images, known, _short(inversion))
        chosen.update(scores.argsort(descending=True)[:share].tolist())
    others = [label for label in range(known) if label not in chosen]
    lots = torch.randperm(len(others), generator=generator)[: most - len(chosen)]
    return sorted(chosen | {others[lot] for lot in lots.tolist()})


def passes(inversion: Inversion, known: int) -> int:
    """How often ``inversion.tick`` is called for one classifier."""
    return _short(inversion).passes(known)


def _short(inversion: Inversion) -> Inversion:
    """The first few steps, on a few images."""
    return replace(inversion, order=inversion.order[:STEPS, :IMAGES])


def _scores(
    classifier: Classifier, images: LabelledImages, known: int, inversion: Inversion
) -> Tensor:
    """How likely a short search makes each class, as mean logarithm (K,)."""
    together = torch.split(torch.arange(known), inversion.together)  # not every trigger at a time
    return torch.cat([_of_some(classifier, images, labels, inversion) for labels in together])


def _of_some(
    classifier: Classifier, images: LabelledImages, labels: Tensor, inversion: Inversion
) -> Tensor:
    goals = labels[:, None].expand(-1, len(images))
    triggers = invert(classifier, images, goals, inversion)
    pixels = images.pixels(inversion.order[-1]).to(inversion.device)
    with torch.inference_mode():
        logits = classifier(with_triggers(triggers.to(inversion.device), pixels)).float().cpu()
    likely = logits.log_softmax(1).view(len(labels), -1, logits.shape[1])
    of_goal: Tensor = likely.gather(2, labels[:, None, None].expand(-1, likely.shape[1], 1))
    return of_goal.mean((1, 2))
