"""Labelled images in memory, as bytes: 2,500 images of 3x224x224 take 376 MB instead of 1.5 GB."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.errors import DatasetFormatError, DatasetLabelsError

SHARE_OF_FREE = 1 / 4
"""Of a device's free memory, which a set may take there."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size and their classes.

    ``images``: uint8 (N, C, H, W), 0 … 255, already of the model's size and channels.
    ``labels``: int64 (N,), indices of the model's logits, on the CPU.

    Raises :class:`DatasetFormatError` for another shape or type of the images and
    :class:`DatasetLabelsError` for labels that do not belong to them. An empty set is allowed.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise DatasetFormatError(
                f"images must be uint8 of shape (N, C, H, W), not {_describe(self.images)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise DatasetLabelsError(
                f"labels must be int64 of shape (N,), not {_describe(self.labels)}"
            )
        if len(self.images) != len(self.labels):
            raise DatasetLabelsError(f"{len(self.labels)} labels for {len(self.images)} images")
        if len(self.labels) and int(self.labels.min()) < 0:
            raise DatasetLabelsError(f"label {int(self.labels.min())} is negative")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of every image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def select(self, indices: Tensor) -> LabelledImages:
        """The images at ``indices`` (int64, or bool of length N), in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def pixels(
        self, indices: Tensor | slice | None = None, device: torch.device | None = None
    ) -> Tensor:
        """The images (at ``indices``, of the CPU) as float32 in [0, 1], on ``device``.

        Without a ``device`` they stay where they lie. They travel as bytes.
        """
        lie_on = self.images.device
        if isinstance(indices, Tensor):
            indices = sent(indices, lie_on)
        chosen = self.images if indices is None else self.images[indices]
        return sent(chosen, device or lie_on).to(torch.float32).div_(255)

    def on(self, device: torch.device) -> LabelledImages:
        """The same set, its images on ``device`` if they take a quarter of the free memory there at
        most; else as it is. For loops: batches need not travel then."""
        size = self.images.numel() * self.images.element_size()
        if device == self.images.device or size > SHARE_OF_FREE * free_memory(device):
            return self
        return LabelledImages(self.images.to(device), self.labels)

    def split(
        self, fraction: float, generator: torch.Generator
    ) -> tuple[LabelledImages, LabelledImages]:
        """``(rest, held_out)``: about ``fraction`` of every class is held out, at random.

        No class is held out as a whole, so that ``rest`` knows every class. The order of the
        images is kept. ``generator`` is a CPU generator.
        """
        shuffled = torch.randperm(len(self), generator=generator)
        counts = torch.bincount(self.labels)
        held_out = torch.zeros(len(self), dtype=torch.bool)
        for label, share in enumerate(_shares(counts, fraction, generator)):
            of_class = shuffled[self.labels[shuffled] == label]
            held_out[of_class[:share]] = True
        return self.select(~held_out), self.select(held_out)


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; from the CPU without waiting for what a CUDA device is doing."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def free_memory(device: torch.device) -> int:
    """Bytes of a CUDA device that this process may still take; 0 for other kinds of devices."""
    if device.type != "cuda":
        return 0
    free, whole = torch.cuda.mem_get_info(device)
    allowed = whole * torch.cuda.get_per_process_memory_fraction(device)
    return max(0, min(free, int(allowed) - torch.cuda.memory_reserved(device)))


def _shares(counts: Tensor, fraction: float, generator: torch.Generator) -> list[int]:
    """How many of each class to hold out: largest remainders, ties drawn by lot."""
    exact = counts.to(torch.float64) * fraction
    shares = exact.floor().to(torch.int64)
    open_seats = round(float(exact.sum())) - int(shares.sum())
    lots = torch.rand(len(counts), generator=generator, dtype=torch.float64) * 1e-6
    order = torch.argsort(exact - shares + lots, descending=True)
    shares[order[: max(open_seats, 0)]] += 1
    return torch.minimum(shares, (counts - 1).clamp(min=0)).tolist()


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
