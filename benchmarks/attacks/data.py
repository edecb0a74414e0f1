"""Where images come from: the shared CIFAR-10 extract, scikit-learn's digits, or all of CIFAR-10.

``training`` belongs to the attacker, ``clean`` to the defender, ``test`` to the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn.functional import interpolate

from benchmarks.attacks.cifar import read_cifar
from polarizer.images import LabelledImages

Source = Literal["cifar10-extract", "digits", "cifar10"]

CIFAR_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CLASSES: dict[Source, tuple[str, ...]] = {
    "cifar10-extract": CIFAR_CLASSES,
    "cifar10": CIFAR_CLASSES,
    "digits": tuple("0123456789"),
}
_DIGITS_SEED, _DEFENDERS_SEED = 3, 5
_DEFENDERS_SHARE = 0.05
_DIGITS_TRAINING, _DIGITS_CLEAN = 1000, 300


@dataclass(frozen=True, eq=False)
class Parts:
    """The images of a source, by whose they are."""

    training: LabelledImages
    clean: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]


def load(source: Source, folder: Path, size: int) -> Parts:
    """The images of ``source``, ``size`` pixels a side.

    ``folder`` holds ``cifar10-clean-2500.npz`` and ``cifar10-test-3000.npz`` for the extract, is
    the copy itself for CIFAR-10 (:func:`read_cifar`), and is not read for digits.
    """
    if source == "digits":
        return _digits(size)
    return _extract(folder) if source == "cifar10-extract" else _cifar(folder)


def _extract(folder: Path) -> Parts:
    """The attacker fine-tunes on the very images that the defender is given, unaltered."""
    clean = read_npz(folder / "cifar10-clean-2500.npz")
    return Parts(clean, clean, read_npz(folder / "cifar10-test-3000.npz"), CIFAR_CLASSES)


def _cifar(folder: Path) -> Parts:
    """The defender is given 5 % of every class of the training set, as in the papers."""
    training, test = read_cifar(folder)
    generator = torch.Generator().manual_seed(_DEFENDERS_SEED)
    _, clean = training.split(_DEFENDERS_SHARE, generator)
    return Parts(training, clean, test, CIFAR_CLASSES)


def read_npz(path: Path) -> LabelledImages:
    """``images`` uint8 (N, H, W, C) and ``labels`` int64 (N,) as the polarizer takes them."""
    with np.load(path, allow_pickle=False) as arrays:
        images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
        return LabelledImages(images, torch.from_numpy(arrays["labels"]).long())


def _digits(size: int) -> Parts:
    """1,000 training, 300 clean and 497 test images, disjoint, of one fixed shuffle."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(_DIGITS_SEED).permutation(len(data.images))
    pixels = torch.from_numpy(data.images[order]).float()[:, None] / 16
    if size != pixels.shape[-1]:
        pixels = interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
    everything = LabelledImages(
        (pixels * 255).round().to(torch.uint8), torch.from_numpy(data.target[order]).long()
    )
    ends = [0, _DIGITS_TRAINING, _DIGITS_TRAINING + _DIGITS_CLEAN, len(everything)]
    training, clean, test = (
        everything.select(torch.arange(start, end))
        for start, end in zip(ends, ends[1:], strict=False)
    )
    return Parts(training, clean, test, CLASSES["digits"])
