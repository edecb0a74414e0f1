"""WebDataset: a tar in which the files of a sample follow each other and share their names.

Up to the first dot, that is: ``0001.jpg`` and ``0001.cls``, which holds the class's index or name,
or ``0001.json`` with a ``label``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice

from polarizer.datasets.folders import Members
from polarizer.datasets.paths import is_image, is_junk
from polarizer.errors import DatasetLabelsError
from polarizer.listing import shown

Path = tuple[str, ...]
Member = tuple[Path, bytes | None]

_LABELS = (".cls", ".json")
_LONGEST_LABEL = 64 * 1024
_KEYS = ("label", "cls", "class", "target")


def may_belong(path: Path) -> bool:
    """Whether the file may be an image or say its class."""
    return not is_junk(path) and (is_image(path) or _is_label(path))


def recognise(members: Members) -> tuple[bool, Iterator[Member]]:
    """Whether the first two files are an image and its class, and all files again."""
    rest = iter(members)
    first = list(islice(rest, 2))
    paths = [path for path, _ in first]
    same = len(paths) == 2 and _key(paths[0]) == _key(paths[1])
    return same and _is_label(paths[0]) != _is_label(paths[1]), chain(first, rest)


def labelled(members: Iterable[Member]) -> Iterator[Member]:
    """``((class, name), image)`` of every sample. Raises :class:`DatasetLabelsError` for an image
    without a class."""
    for key, sample in groupby(members, key=lambda member: _key(member[0])):
        label: str | None = None
        images: list[Member] = []
        for path, content in sample:
            if not _is_label(path):
                images.append((path, content))
            else:
                label = _label(path, content or b"") or label
        for path, content in images:
            if label is None:
                raise DatasetLabelsError(
                    f"{shown('/'.join(path))} has no class: beside it there must be"
                    f" {shown(key[-1])}.cls with the class's index or name, or"
                    f' {shown(key[-1])}.json with a "label"'
                )
            yield (label, "/".join(path)), content


def _is_label(path: Path) -> bool:
    return path[-1].lower().endswith(_LABELS)


def _key(path: Path) -> Path:
    return (*path[:-1], path[-1].partition(".")[0])


def _label(path: Path, content: bytes) -> str | None:
    """The class's index or name as text; None where the file does not say."""
    if len(content) > _LONGEST_LABEL:
        raise DatasetLabelsError(f"{shown('/'.join(path))} is too long to be a class")
    text = content.decode("utf-8", "replace").strip()
    if not path[-1].lower().endswith(".json"):
        return text or None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    given = [found.get(key) for key in _KEYS] if isinstance(found, dict) else [found]
    known = (one for one in given if isinstance(one, int | str) and not isinstance(one, bool))
    return next((str(one) for one in known), None)
