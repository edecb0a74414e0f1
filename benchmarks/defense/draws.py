"""Which clean images a defender has: stratified draws, equal for every defense."""

from __future__ import annotations

import torch

from polarizer.images import LabelledImages


def draw(clean: LabelledImages, count: int, seed: int) -> LabelledImages:
    """``count`` images, or all if there are fewer, spread evenly over the classes.

    Every class gives one image in turn, in an order that ``seed`` draws, until there are enough.
    Smaller draws of one seed are parts of larger ones.
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(clean), generator=generator)
    labels = clean.labels[shuffled]
    rank = torch.empty_like(labels)
    for label in torch.unique(labels):
        of_class = labels == label
        rank[of_class] = torch.arange(int(of_class.sum()))
    return clean.select(shuffled[torch.argsort(rank, stable=True)[:count]])


def counts(asked: list[int], available: int) -> list[int]:
    """The sizes to draw, largest first; sizes above what is there become one draw of everything."""
    return sorted({min(count, available) for count in asked}, reverse=True)
