"""Folders as the archives that the API takes: class folders, and Hugging Face's models."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from client.errors import InputError

EPOCH = (1980, 1, 1, 0, 0, 0)
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS, PICKLED = "model.safetensors", "pytorch_model.bin"
IMAGES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)


def pack(folder: Path, target: Path) -> int:
    """Writes a zip of the files in the folder's class folders; how many there are.

    Not compressed, since images are already, and the same for the same content: sorted names, one
    date. Hidden files are left out. Raises InputError for a folder that holds no class folders.
    """
    names = sorted(_files(folder))
    if not names:
        raise InputError(_advice(folder))
    return _written(folder, names, target)


def pack_model(folder: Path, target: Path) -> int:
    """The same of a Hugging Face folder: its configurations, and one kind of weights. Raises
    InputError for a folder without weights."""
    weights = model_weights(folder)
    if not weights:
        raise InputError(f"{folder} holds {CONFIG}, but neither {WEIGHTS} nor {PICKLED}")
    beside = [name for name in (CONFIG, PREPROCESSOR) if (folder / name).is_file()]
    return _written(folder, sorted(beside + weights), target)


def is_hugging_face(folder: Path) -> bool:
    """Whether it is a model's folder of the transformers library, for all that its names say."""
    return (folder / CONFIG).is_file()


def model_weights(folder: Path) -> list[str]:
    """Names of the files of weights that are packed; empty where there are none."""
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    parts = sorted(path.name for path in folder.glob("model-*-of-*.safetensors"))
    return parts or [PICKLED] * (folder / PICKLED).is_file()


def _written(folder: Path, names: list[str], target: Path) -> int:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.file_size = (folder / name).stat().st_size  # tells whether it takes wide sizes
            with (folder / name).open("rb") as source, archive.open(entry, "w") as sink:
                while portion := source.read(1 << 20):
                    sink.write(portion)
    return len(names)


def _files(folder: Path) -> Iterator[str]:
    """Paths below class folders, with slashes."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if len(inside.parts) > 1 and not hidden and path.is_file():
            yield inside.as_posix()


def _advice(folder: Path) -> str:
    wanted = "a folder for each class, named like the class, with its images in it"
    if not any(folder.iterdir()):
        return f"{folder} is empty; give {wanted}"
    if any(path.suffix.lower() in IMAGES for path in folder.iterdir()):
        return f"{folder} holds images that are in no class folder; make {wanted}"
    return f"{folder} holds no class folders; give {wanted}"
