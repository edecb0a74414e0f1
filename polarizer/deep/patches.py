"""A patch for every goal (``aiming``): a small opaque square that stands in for a trigger like it.

The oldest triggers are a few pixels in a corner (Gu et al., 2017). Patterns spread over the image
with a bounded norm reach other, natural weaknesses of a network first, and say nothing of these. A
patch is searched where a patch is: its values by the gradient, its place by trying. Most networks
see the same thing anywhere in the image, so every second image shows the patch elsewhere: what is
unlearned is the patch, and not one corner.
"""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from polarizer.deep.directions import averaged, gathered
from polarizer.images import sent
from polarizer.squares import Squares, side_of

STEP = 0.25  # of the range of a pixel
ELSEWHERE = 0.5  # of the images show it at a place of their own
PATIENCE = 24  # images that a patch is shown on before it may be moved
MOVED_BELOW = 0.3  # of them driven to its class
LATELY = 0.8  # of that share after one more image


class Patches:
    """A patch of its own for each of ``goals``, for images ``(C, H, W)`` of pixels in [0, 1].

    Patches start grey, at random places; one that seldom succeeds is moved. ``generator`` is of the
    CPU.
    """

    def __init__(
        self,
        goals: int,
        shape: tuple[int, int, int],
        *,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        channels, *size = shape
        self.side = side_of(*size)
        self.values = torch.full((goals, channels, self.side, self.side), 0.5, device=device)
        self._room = torch.tensor(size) - self.side + 1
        self._generator = generator
        self.places = self._drawn(goals)
        self._directions = torch.zeros_like(self.values)
        self._shown = torch.zeros(goals)
        self._success = torch.full((goals,), 0.5)
        self._used: tuple[Tensor, Tensor] | None = None

    def paste(self, pixels: Tensor, goals: Tensor) -> Tensor:
        """``pixels`` (M, C, H, W), each with the patch of its goal in ``goals`` (M,), of
        the CPU.

        Gradients reach what is pasted: see :meth:`used` and :meth:`learn`.
        """
        values = self.values[sent(goals, self.values.device)].requires_grad_()
        self._used = values, goals
        count, channels = pixels.shape[:2]
        elsewhere = torch.rand(count, 1, generator=self._generator) < ELSEWHERE
        places = torch.where(elsewhere, self._drawn(count), self.places[goals])
        across = torch.arange(self.side)
        rows = sent((places[:, :1] + across)[:, None, :, None], pixels.device)
        columns = sent((places[:, 1:] + across)[:, None, None, :], pixels.device)
        images = torch.arange(count, device=pixels.device)[:, None, None, None]
        colours = torch.arange(channels, device=pixels.device)[None, :, None, None]
        return pixels.index_put((images, colours, rows, columns), values.to(pixels.dtype))

    def put(self, goal: int, square: Squares) -> None:
        """Go on for ``goal`` from one ``square``."""
        self.values[goal] = square.values[0].to(self.values)
        self.places[goal] = square.places[0]

    def copy(self) -> Patches:
        """The same patches as they are now, with a seed of their own for where they lie."""
        found = copy(self)
        found.values, found.places = self.values.clone(), self.places.clone()
        found._generator, found._used = torch.Generator().manual_seed(0), None
        return found

    def used(self) -> list[Tensor]:
        """What the last :meth:`paste` showed, to be differentiated by."""
        return [] if self._used is None else [self._used[0]]

    def learn(self) -> None:
        """One step up the gradient that the last :meth:`paste` was given, if it was given any."""
        if self._used is None or self._used[0].grad is None:
            return
        (values, goals), self._used = self._used, None
        assert values.grad is not None  # noqa: S101  # looked above
        seen, sums = gathered(values.grad, goals)
        moved = self.values[seen] + STEP * averaged(self._directions, sums, seen).sign()
        self.values[seen] = moved.clamp(0, 1)

    def note(self, goals: Tensor, hits: Tensor) -> None:
        """Which of M images with the patches of ``goals`` (M,) went there: ``hits`` (M,) of bool,
        both of the CPU. A patch that was given its time and seldom succeeds is moved."""
        all_goals = len(self._shown)
        counts = torch.bincount(goals, minlength=all_goals).float()
        rates = torch.bincount(goals, hits.float(), minlength=all_goals)
        kept = LATELY**counts
        self._success = kept * self._success + (1 - kept) * rates / counts.clamp(min=1)
        self._shown += counts
        failed = (self._shown >= PATIENCE) & (self._success < MOVED_BELOW) & (counts > 0)
        self.places = torch.where(failed[:, None], self._drawn(all_goals), self.places)
        stays = sent(~failed, self._directions.device).view(-1, 1, 1, 1)
        self._directions = torch.where(stays, self._directions, 0)
        self._shown[failed] = 0

    def _drawn(self, count: int) -> Tensor:
        """``count`` places, row and column of the upper left corner: (count, 2)."""
        return (torch.rand(count, 2, generator=self._generator) * self._room).long()
