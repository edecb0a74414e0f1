"""Patches that open the network as it came in: the one kind of door that is known when it is found.

Patterns spread over an image find natural weaknesses beside backdoors, and clean images do not tell
these apart. A small patch that drives most images to its class, wherever it lies, was found
at no class without a backdoor: at most a quarter of the images followed it there, on nine networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.deep.patches import Patches
from polarizer.images import LabelledImages
from polarizer.progress import Part, Ticked, unwatched

IMAGES = 256  # that decide
BATCH = 64
CANDIDATES = 3  # classes that patches drove most images to while they were searched
OPEN = 0.5  # of them driven to a class: a patch opens that class
SHUT = 0.1


@dataclass(frozen=True, eq=False)
class PatchDoors:
    """``patches`` as they were found on one network, and the ``classes`` (D,) that they open."""

    patches: Patches
    classes: Tensor
    images: LabelledImages

    def shut_in(self, classifier: Classifier, device: torch.device) -> bool:
        """Whether there are doors at all, and none opens ``classifier``, which is on ``device``."""
        shares = [self._share(classifier, int(k), device) for k in self.classes]
        return bool(shares) and max(shares) <= SHUT

    def _share(self, classifier: Classifier, target: int, device: torch.device) -> float:
        return driven(classifier, self.patches, target, self.images, device)


def patch_doors(
    classifier: Classifier,
    patches: Patches,
    success: Tensor,
    clean: LabelledImages,
    device: torch.device,
    generator: torch.Generator,
    ticked: Ticked = unwatched,
) -> PatchDoors:
    """The classes that ``patches`` open ``classifier`` to, tried on ``clean`` images.

    ``success`` (K,) is how often they did in the search: only the best are tried. ``ticked`` is
    told each.
    """
    chosen = torch.randperm(len(clean), generator=generator)[:IMAGES]
    kept, images = patches.copy(), clean.select(chosen)
    candidates = success.topk(min(CANDIDATES, len(success))).indices
    shares = []
    for candidate in candidates.tolist():
        shares.append(driven(classifier, kept, candidate, images, device))
        ticked(Part.DOORS)
    return PatchDoors(kept, candidates[torch.tensor(shares) >= OPEN], images)


def tried(images: int) -> int:
    """How many of so many ``images`` decide."""
    return min(IMAGES, images)


def driven(
    classifier: Classifier,
    patches: Patches,
    target: int,
    images: LabelledImages,
    device: torch.device,
) -> float:
    """Share of the ``images`` of other classes that the patch of ``target`` drives to it."""
    others = torch.nonzero(images.labels != target)[:, 0]
    hits = torch.zeros((), dtype=torch.int64, device=device)
    for indices in torch.split(others, BATCH):
        targets = torch.full((len(indices),), target)
        with torch.no_grad():
            pixels = patches.paste(images.pixels(indices, device), targets)
            hits += (classifier(pixels).argmax(1) == target).sum()
    return int(hits) / max(len(others), 1)
