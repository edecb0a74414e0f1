"""The files of the pages, read once: they are few and small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

INDEX = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By suffix; a file of any other kind is not served."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent. ``etag`` is a strong one, of its bytes."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, suffix: str) -> Asset:
        digest = hashlib.sha256(content).hexdigest()[:32]
        return cls(content, MEDIA_TYPES[suffix], f'"{digest}"')

    def is_known(self, if_none_match: str) -> bool:
        """Whether the header names this content, so that it need not be sent again."""
        named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return self.etag in named or "*" in named


def load() -> dict[str, Asset]:
    """Every file by its name; there are no folders."""
    found = {}
    for file in (files("service.pages") / "static").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if suffix in MEDIA_TYPES:
            found[file.name] = Asset.of(file.read_bytes(), suffix)
    return found
