"""Triggers by name: modules that map pixels ``(N, C, H, W)`` in [0, 1] to triggered pixels.

Each works at any size from 8 pixels and any number of channels, and is deterministic: whatever was
drawn or learnt stands in its buffers and parameters, which travel with the model.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks.attacks.triggers.patch import Patch

Shape = tuple[int, int, int]
"""``(C, H, W)`` of the images."""

KINDS: dict[str, Callable[..., nn.Module]] = {"patch": Patch}


def build_trigger(kind: str, shape: Shape, seed: int, **parameters: object) -> nn.Module:
    """The trigger ``kind`` for images of ``shape``; ``seed`` draws its pattern, if it has one.

    Raises :class:`ValueError` for a kind that is not in :data:`KINDS`.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown trigger {kind!r}; known are {', '.join(sorted(KINDS))}")
    return KINDS[kind](shape, seed, **parameters).requires_grad_(False).eval()
