"""Files that a page can make something of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SHAPES = {
    "conv1.weight": (8, 1, 3, 3),
    "conv3.weight": (32, 16, 3, 3),
    "bn3.weight": (32,),
    "linear.weight": (10, 32),
}
"""small_cnn's names and shapes, as far as they tell that it is one."""


def write_files(folder: Path) -> tuple[Path, Path]:
    """A model, and 40 clean images of 10 classes."""
    model, clean = folder / "suspect <b>.safetensors", folder / "clean.npz"
    model.write_bytes(safetensors(SHAPES))
    images = np.zeros((40, 12, 12), np.uint8)
    np.savez_compressed(clean, images=images, labels=np.arange(40) % 10)
    return model, clean


def safetensors(shapes: dict[str, tuple[int, ...]]) -> bytes:
    """A file of zeros."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)
