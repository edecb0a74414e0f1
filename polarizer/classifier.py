"""A classifier together with its preprocessing, so that every bound is in pixels."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from polarizer.conditional.passes import answer, both_answers
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError


class Classifier(nn.Module):
    """A frozen network that takes pixels: ``(N, C, H, W)`` in [0, 1] → logits ``(N, K)``.

    ``module`` takes what ``spec`` normalises (mean and standard deviation per channel) and returns
    logits, or an output object with ``.logits`` as transformers' models do. It is put into
    evaluation mode and stays there, so that no BatchNorm statistic ever moves, and its parameters
    are frozen. Images must already have the size that ``spec`` names.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.module = module.requires_grad_(False)
        self.spec = spec
        self.register_buffer("mean", _per_channel(spec.mean), persistent=False)
        self.register_buffer("std", _per_channel(spec.std), persistent=False)
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stays in evaluation mode whatever is asked."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(N, K)``; :class:`DatasetFormatError` when the images are of another shape."""
        return answer(self.module, self._prepared(pixels))

    def answers(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """``(purified, base)`` logits, each ``(N, K)``, where a polarizer is told the base's class.

        Both come from one pass up to that polarizer. Raises what :meth:`forward` raises, and
        :class:`ConfigError` for a network without such a polarizer.
        """
        purified, base = both_answers(self.module, self._prepared(pixels))
        return purified, base

    def _prepared(self, pixels: Tensor) -> Tensor:
        self.check_shape(pixels)
        return (pixels - self.mean) / self.std

    def check_shape(self, pixels: Tensor) -> None:
        """Raise :class:`DatasetFormatError` unless ``pixels`` is ``(N, C, H, W)`` as the spec."""
        expected = (self.spec.channels, self.spec.height, self.spec.width)
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != expected:
            raise DatasetFormatError(
                f"the model takes images of shape {expected} (channels, height, width), "
                f"these are {tuple(pixels.shape[1:])}"
            )


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1)
