"""What the rivals that train all weights share: a trainable copy, batches, augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain, islice, repeat

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

_COLOURS = 3


def trainable_copy(classifier: Classifier, device: torch.device) -> Classifier:
    """A copy on ``device`` in float32 whose network trains, BatchNorm statistics included."""
    copied = deepcopy(classifier).to(device, torch.float32)
    copied.module.requires_grad_(True).train()
    return copied


def finished(classifier: Classifier) -> Classifier:
    """``classifier`` frozen, in evaluation mode, on the CPU."""
    return classifier.requires_grad_(False).eval().to("cpu")


def batches(
    images: LabelledImages, size: int, device: torch.device, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in random order, ``(pixels, labels)`` on ``device``.

    A last batch of a single image is left out: BatchNorm cannot normalise it.
    """
    for indices in torch.randperm(len(images), generator=generator).split(size):
        if len(indices) > 1:
            yield images.pixels(indices).to(device), images.labels[indices].to(device)


def cycled(
    count: int,
    images: LabelledImages,
    size: int,
    device: torch.device,
    generator: torch.Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """``count`` batches, one epoch after another; images that fill no batch give smaller ones."""
    epochs = (batches(images, size, device, generator) for _ in repeat(None))
    return islice(chain.from_iterable(epochs), count)


def augmented(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A random crop from zero padding of an eighth of the size; colour images mirrored at random.

    Grey images are not mirrored: characters are not the same then. (N, C, H, W) → (N, C, H, W).
    """
    count, channels, height, width = pixels.shape
    margin = max(1, height // 8)
    padded = pad(pixels, (margin,) * 4)
    tops, lefts = torch.randint(2 * margin + 1, (2, count), generator=generator)
    rows = (tops[:, None] + torch.arange(height)).to(pixels.device)
    columns = (lefts[:, None] + torch.arange(width)).to(pixels.device)
    if channels == _COLOURS:
        mirrored = (torch.rand(count, generator=generator) < 0.5).to(pixels.device)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    each = torch.arange(count, device=pixels.device)[:, None, None, None]
    channel = torch.arange(channels, device=pixels.device)[None, :, None, None]
    return padded[each, channel, rows[:, None, :, None], columns[:, None, None, :]]


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Within the block BatchNorm normalises with the batch but updates no running statistic."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
