"""Triggers by name: modules that map pixels ``(N, C, H, W)`` in [0, 1] to triggered pixels.

Each works at any size from 8 pixels and any number of channels, and is deterministic: whatever was
drawn or learnt stands in its buffers and parameters, which travel with the model.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks.attacks.triggers.blended import Blended, BlendedInPieces
from benchmarks.attacks.triggers.corners import Corners
from benchmarks.attacks.triggers.frequency import Frequency
from benchmarks.attacks.triggers.input_aware import InputAware
from benchmarks.attacks.triggers.low_frequency import LowFrequency
from benchmarks.attacks.triggers.patch import Patch
from benchmarks.attacks.triggers.quantisation import Quantisation
from benchmarks.attacks.triggers.sinusoid import Sinusoid
from benchmarks.attacks.triggers.warping import Warping

Shape = tuple[int, int, int]
"""``(C, H, W)`` of the images."""

KINDS: dict[str, Callable[..., nn.Module]] = {
    "patch": Patch,
    "blended": Blended,
    "blended-in-pieces": BlendedInPieces,
    "sinusoid": Sinusoid,
    "warping": Warping,
    "low-frequency": LowFrequency,
    "input-aware": InputAware,
    "corners": Corners,
    "quantisation": Quantisation,
    "frequency": Frequency,
}


def build_trigger(kind: str, shape: Shape, seed: int, **parameters: object) -> nn.Module:
    """The trigger ``kind`` for images of ``shape``; ``seed`` draws its pattern, if it has one.

    Raises :class:`ValueError` for a kind that is not in :data:`KINDS`.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown trigger {kind!r}; known are {', '.join(sorted(KINDS))}")
    return KINDS[kind](shape, seed, **parameters).requires_grad_(False).eval()
