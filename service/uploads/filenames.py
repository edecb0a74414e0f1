"""File names as callers give them: for showing only, never for opening a file."""

from __future__ import annotations

import re

MAX_LENGTH = 255
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|]+')


def shown_name(filename: str | None) -> str | None:
    """The last part of the name, without what would be unsafe in a header or a file system."""
    if not filename:
        return None
    last = re.split(r"[\\/]", filename)[-1]
    return _UNSAFE.sub("_", last).strip(" .")[:MAX_LENGTH] or None
