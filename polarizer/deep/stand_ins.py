"""Stand-ins for a trigger: two patterns, a warp and a patch for every goal (``aiming``).

A trigger works on any image, so what stands in for it is shared by all images too, as in universal
perturbations (Moosavi-Dezfooli et al., CVPR 2017; for backdoors Zeng et al., ICLR 2022). A smooth
trigger can be far stronger than a fine one (Zeng et al., ICCV 2021), so there is a coarse pattern
with a bound of its own. A pattern cannot move pixels, and some triggers do nothing else (Nguyen &
Tran, ICLR 2021), so a smooth flow field stands beside them. Nor does a bounded pattern look like a
patch, of which there is one as well (``polarizer.deep.patches``).
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from polarizer.deep.aiming import Aims, Kind
from polarizer.deep.directions import averaged, gathered, lengths, unit
from polarizer.deep.patches import Patches
from polarizer.images import sent

POINTS = 4  # control points of a coarse pattern and of a warp, a side
COARSE_BOUND = 0.144  # root mean square of a coarse pattern's points: 8 in L2 for 3x32x32
LARGEST_PATTERN = 64  # patterns of larger images are enlarged from that many pixels a side
PATTERN_STEP = 0.35  # of the bound
FLOW_STEP = 0.4


class StandIns:
    """Two patterns, a warp and a patch for each of ``goals``, for images ``(C, H, W)``.

    ``norm`` bounds each fine pattern in L2, in pixels of [0, 1]; a coarse one is a smooth surface
    over 4x4 points. A warp moves no control point by more than one pixel, or ``1 / 32`` of larger
    images. Patterns start at zero, warps at random (``generator`` is of the CPU): the gradient of a
    warp that does nothing is mostly noise.
    """

    def __init__(
        self,
        goals: int,
        shape: tuple[int, int, int],
        norm: float,
        *,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        channels, height, width = shape
        self.flow_bound = 2 * max(1 / min(height, width), 1 / 32)  # of the [-1, 1] of an image
        fine = min(height, LARGEST_PATTERN), min(width, LARGEST_PATTERN)
        self.patterns = torch.zeros(goals, channels, *fine, device=device)
        self.coarse = torch.zeros(goals, channels, POINTS, POINTS, device=device)
        copies = ceil(height / fine[0]) * ceil(width / fine[1])  # of each value in an image
        self._bounds = norm / copies**0.5, COARSE_BOUND * self.coarse[0].numel() ** 0.5
        drawn = torch.rand(goals, 2, POINTS, POINTS, generator=generator)
        self.flows = ((drawn - 0.5) * self.flow_bound).to(device)
        self.patches = Patches(goals, shape, device=device, generator=generator)
        self._generator = generator
        self._directions = torch.zeros_like(self.patterns), torch.zeros_like(self.coarse)
        self._flow_direction = torch.zeros_like(self.flows)
        self._rest = _identity_grid(height, width, device)
        self._used: tuple[Tensor, Tensor, Tensor, Aims] | None = None

    def apply(self, pixels: Tensor, aims: Aims, *, any_norm: bool = False) -> Tensor:
        """``pixels`` (N, C, H, W), each with the stand-ins that it is aimed at.

        Patterns have the norm that they grew to or, with ``any_norm``, one below that, drawn for
        each image. The result stays in [0, 1]. A loss made from it and differentiated gives
        :meth:`learn` what it needs.
        """
        changed = self._added_and_warped(pixels, aims, any_norm=any_norm)
        patched = torch.nonzero(aims.of(Kind.PATCH))[:, 0]
        if not len(patched):
            return changed
        there = sent(patched, pixels.device)
        pasted = self.patches.paste(pixels[there], aims.goals[patched])
        return changed.index_put((there,), pasted.to(changed.dtype))

    def _added_and_warped(self, pixels: Tensor, aims: Aims, *, any_norm: bool) -> Tensor:
        goals = sent(aims.goals, pixels.device)
        patterns = self.patterns[goals].requires_grad_()
        coarse = self.coarse[goals].requires_grad_()
        flows = self.flows[goals].requires_grad_()
        self._used = (patterns, coarse, flows, aims)
        size = pixels.shape[2:]
        field = interpolate(flows, size, mode="bicubic", align_corners=True)
        grid = self._rest + field.permute(0, 2, 3, 1)
        warped = grid_sample(pixels, grid, padding_mode="border", align_corners=True)
        added = torch.where(
            sent(aims.of(Kind.COARSE).view(-1, 1, 1, 1), pixels.device),
            interpolate(coarse, size, mode="bicubic", align_corners=False),
            _enlarged(patterns, size),
        )
        if any_norm:
            share = torch.rand(len(pixels), 1, 1, 1, generator=self._generator)
            added = added * sent(share, added.device)
        return (warped + added).clamp(0, 1)

    def climb(self, objective: Tensor) -> None:
        """One step up ``objective``, made from the last :meth:`apply`; moves nothing else."""
        if self._used is not None:
            torch.autograd.backward(objective, inputs=[*self._used[:3], *self.patches.used()])
        self.learn()

    def learn(self) -> None:
        """One step up the gradient that the last :meth:`apply` was given, if it was given any."""
        if self._used is None or self._used[0].grad is None:
            return
        self.patches.learn()
        fine, coarse, flows, aims = self._used
        self._used = None
        patterns = self.patterns, self.coarse
        kinds = zip((Kind.FINE, Kind.COARSE), patterns, (fine, coarse), self._bounds, strict=True)
        for kind, values, used, bound in kinds:
            self._climbed(values, used, aims.goals, aims.of(kind), self._directions[kind], bound)
        self._warped_further(flows, aims.goals, ~aims.of(Kind.PATCH))

    def note(self, aims: Aims, hits: Tensor) -> None:
        """Which images of the last :meth:`apply` went where they were aimed: ``hits`` (N,) of
        bool."""
        patched = aims.of(Kind.PATCH)
        self.patches.note(aims.goals[patched], hits[patched])

    @staticmethod
    def _climbed(
        patterns: Tensor,
        used: Tensor,
        goals: Tensor,
        chosen: Tensor,
        directions: Tensor,
        bound: float,
    ) -> None:
        assert used.grad is not None  # noqa: S101  # learn() looked
        seen, sums = _of_chosen(used.grad, goals, chosen)
        direction = averaged(directions, sums, seen)
        moved = patterns[seen] + PATTERN_STEP * bound * unit(direction)
        patterns[seen] = moved * (bound / lengths(moved)).clamp(max=1)

    def _warped_further(self, used: Tensor, goals: Tensor, chosen: Tensor) -> None:
        assert used.grad is not None  # noqa: S101  # learn() looked
        seen, sums = _of_chosen(used.grad, goals, chosen)
        direction = averaged(self._flow_direction, sums, seen)
        moved = self.flows[seen] + FLOW_STEP * self.flow_bound * direction.sign()
        self.flows[seen] = moved.clamp(-self.flow_bound, self.flow_bound)


def _of_chosen(gradients: Tensor, goals: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`gathered` of those images; ``goals`` and ``chosen`` (N,) are of the CPU."""
    indices = torch.nonzero(chosen)[:, 0]
    return gathered(gradients[sent(indices, gradients.device)], goals[indices])


def _enlarged(patterns: Tensor, size: torch.Size) -> Tensor:
    return patterns if patterns.shape[2:] == size else interpolate(patterns, size, mode="nearest")


def _identity_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Where each pixel comes from when nothing moves: (1, H, W, 2), x before y, in [-1, 1]."""
    rows = torch.linspace(-1, 1, height, device=device)
    columns = torch.linspace(-1, 1, width, device=device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), 2)[None]
