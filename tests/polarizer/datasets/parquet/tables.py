"""The images of the tests' tables, and how a table is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polarizer.datasets import Dataset, read_images
from tests.polarizer.archives import CLASSES, encoded, pixels, spec

IMAGES = [encoded(pixels(seed)) for seed in range(6)]
LABELS = [0, 1, 2, 2, 1, 0]


def read(path: Path, content: bytes, **options: Any) -> Dataset:
    path.write_bytes(content)
    return read_images(path, **{"spec": spec(), "classes": CLASSES} | options)
