"""A folder of class folders as the archive that the API takes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from client.errors import InputError

EPOCH = (1980, 1, 1, 0, 0, 0)
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
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
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
