"""Images and the archives around them, for the tests of what reads data sets."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polarizer.description import InputSpec

CLASSES = ("cat", "dog", "polar bear")


def spec(channels: int = 3, height: int = 8, width: int = 8) -> InputSpec:
    """Preprocessing of a model for such images."""
    return InputSpec(
        channels=channels,
        height=height,
        width=width,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )


def pixels(seed: int = 0, height: int = 8, width: int = 8, channels: int = 3) -> Any:
    """Random bytes, (H, W, C)."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Any, image_format: str = "PNG", **options: Any) -> bytes:
    """The file of an image, given as an array or by Pillow."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(np.squeeze(image))
    file = io.BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()


def class_folders(per_class: int = 2, top: str = "") -> dict[str, bytes]:
    """Members of an archive: ``per_class`` images of each class."""
    return {
        f"{top}{name}/{number}.png": encoded(pixels(index * per_class + number))
        for index, name in enumerate(CLASSES)
        for number in range(per_class)
    }


def write_zip(path: Path, members: Mapping[str, bytes], compression: int = 0) -> Path:
    """A zip of ``members``."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def write_tar(
    path: Path, members: Mapping[str, bytes], compression: str = "", form: int = tarfile.PAX_FORMAT
) -> Path:
    """A tar of ``members``."""
    with tarfile.open(path, f"w:{compression}", format=form) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_npz(path: Path, *, compressed: bool = False, **arrays: Any) -> Path:
    """An ``.npz`` of ``arrays``, under exactly that path."""
    with path.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return path
