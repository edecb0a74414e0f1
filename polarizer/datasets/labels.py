"""Folder names of a data set → classes of the model."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polarizer.errors import DatasetLabelsError
from polarizer.listing import some

Labels = Literal["names", "indices"]
"""What folder names are: class names (or, when none matches, indices), or indices only."""


def match_folders(
    folders: Collection[str], classes: tuple[str, ...], labels: Labels = "names"
) -> dict[str, int]:
    """The index of the class that each folder stands for.

    One rule holds for all folders, the first that fits all of them: the exact name; the name
    whatever its case, spaces, hyphens and underscores; the index of the class. Raises
    :class:`DatasetLabelsError`, listing both sides, when no rule does.
    """
    rules = [_by_index(classes)]
    if labels == "names":
        rules = [_by_name(classes, str), _by_name(classes, _plain), *rules]
    for rule in rules:
        found = {folder: rule(folder) for folder in folders}
        if None not in found.values():
            return {folder: index for folder, index in found.items() if index is not None}
    closest = min(rules, key=lambda rule: sum(rule(folder) is None for folder in folders))
    unknown = sorted(folder for folder in folders if closest(folder) is None)
    raise DatasetLabelsError(
        f"the data set has folders that are no class of the model: {some(unknown)}. "
        f"The model's classes are {some(classes, 20)}. Name each folder after its class, "
        f"or after its index from 0 to {len(classes) - 1}"
    )


def check_range(labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    """Raise :class:`DatasetLabelsError` when a label is not the index of a class."""
    for label in (labels.min(), labels.max()):
        if not 0 <= label < len(classes):
            raise DatasetLabelsError(
                f"label {label} is no class of the model, which has {len(classes)}: "
                f"labels go from 0 to {len(classes) - 1}"
            )


def _by_name(
    classes: tuple[str, ...], normalised: Callable[[str], str]
) -> Callable[[str], int | None]:
    indices: dict[str, int | None] = {}
    for index, name in enumerate(classes):
        key = normalised(name)
        indices[key] = None if key in indices else index  # two classes alike: neither is meant
    return lambda folder: indices.get(normalised(folder))


def _by_index(classes: tuple[str, ...]) -> Callable[[str], int | None]:
    def index(folder: str) -> int | None:
        if not (folder.isascii() and folder.isdigit() and len(folder) < 10):
            return None
        return int(folder) if int(folder) < len(classes) else None

    return index


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if not char.isspace() and char not in "_-")
