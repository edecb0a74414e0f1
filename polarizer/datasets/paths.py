"""Names in a stranger's archive: what they may not do, and which of them are images."""

from __future__ import annotations

import re

from polarizer.errors import DatasetFormatError
from polarizer.listing import shown

_IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_PARTS = 32


def path_parts(name: str) -> tuple[str, ...]:
    """The folders and the file name in an archive member's name.

    Raises :class:`DatasetFormatError` for a name that points outside of the archive, or nowhere.
    """
    unified = name.replace("\\", "/")
    parts = tuple(part for part in unified.split("/") if part not in ("", "."))
    outside = unified.startswith("/") or _DRIVE.match(unified) or ".." in parts
    if outside or "\0" in name:
        raise DatasetFormatError(
            f"the archive holds {shown(name)!r}, which points outside of it; "
            "pack the class folders with relative names"
        )
    if len(parts) > _MOST_PARTS:
        raise DatasetFormatError(f"the archive holds {shown(name)!r}, which is nested too deeply")
    return parts


def is_junk(parts: tuple[str, ...]) -> bool:
    """Whether the file is what operating systems leave behind, which nobody meant to send."""
    return not parts or any(part in _JUNK or part.startswith(".") for part in parts)


def is_image(parts: tuple[str, ...]) -> bool:
    """Whether the name is that of an image."""
    return parts[-1].lower().endswith(_IMAGE_SUFFIXES)
