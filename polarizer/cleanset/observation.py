"""What the base model makes of the images: one pass, from which all findings are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.errors import DatasetImagesError, DatasetLabelsError, ModelValueError
from polarizer.images import LabelledImages


@dataclass(frozen=True, eq=False)
class Observation:
    """``logits`` float32 (N, K) and ``labels`` int64 (N,), on the CPU.

    ``shift``: how far the inputs of the BatchNorm layers lie from their running statistics, which
    remember the images of the training: the root mean square offset of the channels' means, in
    standard deviations, and the mean absolute logarithm of the ratio of variances, both averaged
    over the layers. None for a network without such layers.
    """

    logits: Tensor
    labels: Tensor
    shift: tuple[float, float] | None

    @cached_property
    def probabilities(self) -> Tensor:
        """(N, K), rows that sum to 1."""
        return self.logits.softmax(1)

    @cached_property
    def predicted(self) -> Tensor:
        """The model's answers, int64 (N,)."""
        return self.logits.argmax(1)

    @property
    def classes(self) -> int:
        return self.logits.shape[1]

    @property
    def agreement(self) -> float:
        """The share of images that the model gives their label."""
        return (self.predicted == self.labels).float().mean().item()

    @property
    def confidence(self) -> float:
        """The mean probability of the model's answers."""
        return self.probabilities.amax(1).mean().item()


def observe(
    classifier: Classifier,
    images: LabelledImages,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 256,
) -> Observation:
    """Show ``images`` to ``classifier``, which is moved to ``device`` and not changed otherwise.

    Raises :class:`DatasetImagesError` for an empty set, :class:`DatasetLabelsError` for a label
    that the model does not have, :class:`ModelValueError` for logits that are not finite.
    """
    if not len(images):
        raise DatasetImagesError("the clean set holds no image")
    classifier = classifier.to(device)
    with _input_moments(classifier) as moments:
        logits = forward(classifier, images, device=device, batch_size=batch_size)
    if not logits.isfinite().all():
        raise ModelValueError("the model's outputs on clean images hold NaN or infinity")
    if int(images.labels.max()) >= logits.shape[1]:
        raise DatasetLabelsError(
            f"label {int(images.labels.max())} in the clean set, "
            f"but the model knows the {logits.shape[1]} classes 0 to {logits.shape[1] - 1}"
        )
    return Observation(logits, images.labels, _shift(moments))


def forward(
    classifier: Classifier,
    images: LabelledImages,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 256,
) -> Tensor:
    """Logits of all images, float32 (N, K) on the CPU."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            pixels = images.pixels(slice(start, start + batch_size)).to(device)
            parts.append(classifier(pixels).float().cpu())
    return torch.cat(parts)


@dataclass(eq=False)
class _Moments:
    """Sums over all values of each channel of one layer's input, and the layer."""

    layer: nn.BatchNorm2d
    count: int = 0
    sums: Tensor | float = 0.0

    def add(self, inputs: Tensor) -> None:
        inputs = inputs.detach().float()
        self.sums = self.sums + torch.stack([inputs.sum((0, 2, 3)), inputs.square().sum((0, 2, 3))])
        self.count += inputs.numel() // inputs.shape[1]

    def offsets(self) -> tuple[float, float]:
        mean, square = torch.as_tensor(self.sums) / self.count
        variance = (square - mean.square()).clamp(min=0) + self.layer.eps
        known = torch.as_tensor(self.layer.running_var) + self.layer.eps
        moved = (mean - torch.as_tensor(self.layer.running_mean)) / known.sqrt()
        return moved.square().mean().sqrt().item(), (variance / known).log().abs().mean().item()


@contextmanager
def _input_moments(classifier: nn.Module) -> Iterator[list[_Moments]]:
    """Within the block the inputs of all BatchNorm layers with running statistics are summed."""
    layers = [m for m in classifier.modules() if isinstance(m, nn.BatchNorm2d)]
    moments = [_Moments(layer) for layer in layers if layer.track_running_stats]
    handles = [
        kept.layer.register_forward_pre_hook(lambda _, inputs, kept=kept: kept.add(inputs[0]))
        for kept in moments
    ]
    try:
        yield moments
    finally:
        for handle in handles:
            handle.remove()


def _shift(moments: list[_Moments]) -> tuple[float, float] | None:
    offsets = torch.tensor([kept.offsets() for kept in moments if kept.count])
    if not len(offsets):
        return None
    mean, variance = offsets.mean(0).tolist()
    return mean, variance
