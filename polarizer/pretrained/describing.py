"""A description from the two configurations in a folder of the transformers library.

Both come from a stranger: whatever they hold, the outcome is a valid description or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from polarizer.description import ModelDescription
from polarizer.errors import ArchitectureError
from polarizer.listing import shown
from polarizer.pretrained.files import CONFIG, PREPROCESSOR

_MOST_CHANNELS = 16
_ADVICE = "send a description with the request that says it (docs/formats.md)"


def described(
    config: Mapping[str, Any], preprocessor: Mapping[str, Any] | None
) -> ModelDescription:
    """Architecture, preprocessing and classes, from the contents of ``config.json`` and
    ``preprocessor_config.json``. Raises :class:`ArchitectureError` for what they do not say."""
    if preprocessor is None:
        raise ArchitectureError(
            f"beside {CONFIG} there is no {PREPROCESSOR}, which says size, mean and standard "
            f"deviation of the images; {_ADVICE}"
        )
    classes = _classes(config)
    architecture = {"name": "huggingface", "config": dict(config), "num_classes": len(classes)}
    found = {
        "architecture": architecture,
        "input": _input(config, preprocessor),
        "classes": classes,
    }
    try:
        return ModelDescription.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the model"
        raise ArchitectureError(
            f"{CONFIG} and {PREPROCESSOR} do not describe a classifier: {shown(where)}: "
            f"{shown(first['msg'])}; {_ADVICE}"
        ) from error


def _classes(config: Mapping[str, Any]) -> list[str]:
    names = config.get("id2label")
    if not isinstance(names, Mapping) or len(names) < 2:
        raise ArchitectureError(f"{CONFIG} names no classes (id2label); {_ADVICE}")
    try:
        return [str(names[key]) for key in sorted(names, key=int)]
    except ValueError as error:
        raise ArchitectureError(f"{CONFIG}: id2label is not by number; {_ADVICE}") from error


def _input(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    channels = config.get("num_channels", 3)
    if type(channels) is not int or not 1 <= channels <= _MOST_CHANNELS:
        raise ArchitectureError(f"{CONFIG}: num_channels must be from 1 to {_MOST_CHANNELS}")
    mean, std = preprocessor.get("image_mean"), preprocessor.get("image_std")
    if preprocessor.get("do_normalize") is False:
        mean, std = 0.0, 1.0
    height, width = _size(config, preprocessor)
    return {
        "channels": channels,
        "height": height,
        "width": width,
        "mean": _per_channel("image_mean", mean, channels),
        "std": _per_channel("image_std", std, channels),
    }


def _size(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> tuple[int, int]:
    """Of the crop where there is one, else of the resizing, else the model's own."""
    cropped = preprocessor.get("crop_size") if preprocessor.get("do_center_crop") else None
    for size in (cropped, preprocessor.get("size"), config.get("image_size")):
        for height, width in _pairs(size):
            if type(height) is int and type(width) is int:
                return height, width
    raise ArchitectureError(f"{PREPROCESSOR} says no size; {_ADVICE}")


def _pairs(size: object) -> Iterator[tuple[object, object]]:
    if isinstance(size, Mapping):
        both = size.get("shortest_edge")
        yield size.get("height", both), size.get("width", both)
    elif isinstance(size, list):
        yield from [(size[0], size[1])] if len(size) == 2 else []
    else:
        yield size, size


def _per_channel(name: str, value: object, channels: int) -> list[object]:
    if isinstance(value, int | float):
        return [value] * channels
    if isinstance(value, list) and len(value) == channels:
        return value
    raise ArchitectureError(f"{PREPROCESSOR} has no {name} for {channels} channels; {_ADVICE}")
