"""A description from what lies in a Hugging Face folder beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client.errors import InputError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
ADVICE = "write a model.json beside the weights that says it (docs/formats.md)"


def described(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """Architecture, preprocessing and classes from the two files' contents. Raises InputError for
    what they do not say."""
    classes = _classes(config)
    height, width = _size(config, preprocessor)
    mean, std = preprocessor.get("image_mean"), preprocessor.get("image_std")
    if preprocessor.get("do_normalize") is False:
        mean, std = 0.0, 1.0
    channels = int(config.get("num_channels") or 3)
    return {
        "architecture": {
            "name": "huggingface",
            "config": dict(config),
            "num_classes": len(classes),
        },
        "input": {
            "channels": channels,
            "height": height,
            "width": width,
            "mean": _per_channel("image_mean", mean, channels),
            "std": _per_channel("image_std", std, channels),
        },
        "classes": classes,
    }


def _classes(config: Mapping[str, Any]) -> list[str]:
    names = config.get("id2label")
    if not isinstance(names, Mapping) or len(names) < 2:
        raise InputError(f"{CONFIG} names no classes (id2label); {ADVICE}")
    try:
        return [str(names[key]) for key in sorted(names, key=int)]
    except ValueError as error:
        raise InputError(f"{CONFIG}: id2label is not by number; {ADVICE}") from error


def _size(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> tuple[int, int]:
    """Of the crop where there is one, else of the resizing, else the model's own."""
    cropped = preprocessor.get("crop_size") if preprocessor.get("do_center_crop") else None
    for size in (cropped, preprocessor.get("size"), config.get("image_size")):
        if isinstance(size, int):
            return size, size
        if isinstance(size, list) and len(size) == 2:
            return int(size[0]), int(size[1])
        if isinstance(size, Mapping):
            both = size.get("shortest_edge")
            height, width = size.get("height", both), size.get("width", both)
            if height and width:
                return int(height), int(width)
    raise InputError(f"{PREPROCESSOR} says no size; {ADVICE}")


def _per_channel(name: str, value: Any, channels: int) -> list[float]:  # noqa: ANN401 - JSON
    if isinstance(value, int | float):
        return [float(value)] * channels
    if isinstance(value, list) and len(value) == channels:
        return [float(one) for one in value]
    raise InputError(f"{PREPROCESSOR} has no {name} for {channels} channels; {ADVICE}")


def is_hugging_face(folder: Path) -> bool:
    """Whether both files are there."""
    return (folder / CONFIG).is_file() and (folder / PREPROCESSOR).is_file()
