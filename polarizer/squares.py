"""Small opaque squares in an image, the oldest kind of trigger (Gu et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.classifier import Classifier

SIDE = 1 / 6  # of an image's shorter side
LEAST_SIDE = 2  # pixels
PLACES_A_SIDE = 7  # at most, of those where squares are tried
IMAGES = 12  # that squares are tried on
LEAST = -20.0  # what the logarithm of a probability counts at least
_FILLINGS = 3


@dataclass(frozen=True, eq=False)
class Squares:
    """``values`` (T, C, S, S) in [0, 1]; ``places`` int64 (T, 2), row and column of the upper left
    corner."""

    values: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def select(self, chosen: Tensor | slice) -> Squares:
        """Some of them."""
        return Squares(self.values[chosen], self.places[chosen])

    def split(self, size: int) -> list[Squares]:
        """Groups of at most ``size``."""
        return [self.select(slice(i, i + size)) for i in range(0, len(self), size)]

    def overlap(self, one: int) -> Tensor:
        """Which of them cover a pixel of patch number ``one``: bool (T,)."""
        apart = (self.places - self.places[one]).abs().amax(1)
        return apart < self.values.shape[-1]


def pasted(pixels: Tensor, patches: Squares) -> Tensor:
    """(N, C, H, W) → (T·N, C, H, W), patch by patch. Gradients reach the values."""
    side = patches.values.shape[-1]
    marked = []
    for value, (row, column) in zip(patches.values, patches.places.tolist(), strict=True):
        copy = pixels.clone()
        copy[..., row : row + side, column : column + side] = value
        marked.append(copy)
    return torch.cat(marked)


def tried(classifier: Classifier, pixels: Tensor, some: Squares) -> Tensor:
    """What ``classifier`` answers to ``pixels`` (N, C, H, W) under each of ``some`` (T) squares, as
    logarithms of probabilities (T, N, K), where the pixels are."""
    there = Squares(some.values.to(pixels), some.places)
    with torch.no_grad():
        logits = classifier(pasted(pixels, there)).float()
    likely: Tensor = logits.log_softmax(1).clamp(min=LEAST)
    return likely.view(len(some), len(pixels), -1)


def side_of(height: int, width: int) -> int:
    """Pixels a side: a sixth of the image's shorter side, two at least."""
    return min(max(LEAST_SIDE, round(SIDE * min(height, width))), height, width)


def squares(shape: tuple[int, int, int], generator: torch.Generator) -> Squares:
    """A black, a white and a random square at each of up to 7x7 places, for images ``(C, H, W)``.

    ``generator`` is of the CPU.
    """
    channels, height, width = shape
    side = side_of(height, width)
    black = torch.zeros(channels, side, side)
    drawn = torch.randint(0, 2, black.shape, generator=generator).float()
    fillings = torch.stack([black, black + 1, drawn])
    places = torch.cartesian_prod(_starts(height - side), _starts(width - side))
    return Squares(
        fillings.repeat(len(places), 1, 1, 1), places.repeat_interleave(len(fillings), 0)
    )


def squares_in(shape: tuple[int, int, int]) -> int:
    """How many :func:`squares` finds for images of ``shape`` (C, H, W)."""
    _, height, width = shape
    side = side_of(height, width)
    return _FILLINGS * len(_starts(height - side)) * len(_starts(width - side))


def _starts(room: int) -> Tensor:
    """Spread from 0 to ``room``."""
    return torch.linspace(0, room, min(room + 1, PLACES_A_SIDE)).round().long()
