"""Images that were prepared in another way than the model expects: told by trying that way.

A model that was trained on upright RGB images answers worse when channels are swapped or pictures
turned. Where undoing such a change makes it agree clearly more with the labels, it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.cleanset.observation import forward
from polarizer.cleanset.report import Finding, Severity, first
from polarizer.images import LabelledImages

TRIED = 256
"""Images that each change is tried on, at most."""
GAIN = 0.05
"""Share of the images on which undoing must help more often than hurt."""
SIGNIFICANT = 4.0
"""Standard deviations of a fair coin (McNemar's test)."""


@dataclass(frozen=True)
class Change:
    """``undo`` maps uint8 images (N, C, H, W) to the same shape."""

    name: str
    undo: Callable[[Tensor], Tensor]
    advice: str


SWAPPED = Change("swapped-channels", lambda images: images.flip(1), "blue and red are swapped")
CHANGES = (
    Change("inverted-colours", lambda images: 255 - images, "dark and bright are inverted"),
    Change("upside-down", lambda images: images.flip(2), "the images stand on their heads"),
)
SQUARE_CHANGES = (
    Change("transposed", lambda images: images.mT, "rows and columns are exchanged"),
    Change("rotated", lambda images: images.rot90(1, (2, 3)), "turned by 90° clockwise"),
    Change("rotated", lambda images: images.rot90(3, (2, 3)), "turned by 90° counter-clockwise"),
)


def preprocessing_findings(
    classifier: Classifier,
    images: LabelledImages,
    right: Tensor,
    *,
    device: torch.device | str,
    generator: torch.Generator,
) -> list[Finding]:
    """``right`` (bool, N) is whether the model agrees with ``images`` as they are."""
    found = _narrow(images)
    chosen = torch.randperm(len(images), generator=generator)[:TRIED]
    sample, right = images.select(chosen), right[chosen]
    best: tuple[int, Change, Tensor] | None = None
    for change in _possible(images):
        undone = LabelledImages(change.undo(sample.images).contiguous(), sample.labels)
        then_right = forward(classifier, undone, device=device).argmax(1) == sample.labels
        helped, hurt = int((then_right & ~right).sum()), int((right & ~then_right).sum())
        needed = max(GAIN * len(chosen), SIGNIFICANT * (helped + hurt) ** 0.5)
        if helped - hurt > needed and (best is None or helped - hurt > best[0]):
            best = (helped - hurt, change, chosen[then_right & ~right])
    return found if best is None else [*found, _changed(best, len(chosen))]


def _possible(images: LabelledImages) -> list[Change]:
    channels, height, width = images.shape
    colours = [SWAPPED] if channels == 3 else []
    return [*colours, *CHANGES, *(SQUARE_CHANGES if height == width else ())]


def _changed(best: tuple[int, Change, Tensor], tried: int) -> Finding:
    gain, change, helped = best
    message = (
        f"the clean images seem to be prepared in another way than the model was trained on:"
        f" {change.advice}. With that undone the model agrees with {gain} more of {tried} labels;"
        " prepare the images as for the training"
    )
    return Finding(change.name, Severity.SERIOUS, message, tried, examples=first(helped))


def _narrow(images: LabelledImages) -> list[Finding]:
    """Pixels of 0 and 1 are what remains of fractions written as bytes."""
    highest = int(images.images.max())
    if highest > 1:
        return []
    message = (
        f"no pixel of the clean images is brighter than {highest} of 255; fractions between 0 and 1"
        " were perhaps written as bytes, so multiply by 255 first"
    )
    return [Finding("narrow-range", Severity.SERIOUS, message, len(images))]
