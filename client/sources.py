"""Where a model or images come from, as people write it: a path, an upload's id, an object.

``WHAT#sha256=HEX`` says which bytes it must be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from client.errors import InputError

_DIGEST = re.compile(r"(?P<what>.*)#sha256=(?P<sha256>.*)", re.DOTALL)
_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Source:
    """One of ``path`` (a file or folder here), ``upload`` or ``uri`` (of an object elsewhere)."""

    path: Path | None = None
    upload: str | None = None
    uri: str | None = None
    sha256: str | None = None

    @classmethod
    def parse(cls, given: str | Path | Source) -> Source:
        """Raises InputError for what is none of these."""
        if isinstance(given, Source):
            return given
        if isinstance(given, Path):
            return cls(path=given)
        what, sha256 = _split(given)
        if what.startswith("upl_"):
            return cls(upload=what, sha256=sha256)
        scheme = urlsplit(what).scheme if "://" in what else ""
        if scheme == "s3":
            return cls(uri=what, sha256=sha256)
        if scheme == "file":
            return cls(path=Path(unquote(urlsplit(what).path)), sha256=sha256)
        if scheme:
            raise InputError(
                f"{what}: {scheme}:// is not read; give a file or folder, s3://bucket/key, or the"
                " id of an upload"
            )
        return cls(path=Path(what).expanduser(), sha256=sha256)

    @property
    def reference(self) -> dict[str, str]:
        """What the API is told, for what is not here."""
        if self.upload is not None:
            return {"upload": self.upload}
        named = {"uri": self.uri or ""}
        return named | ({"sha256": self.sha256} if self.sha256 else {})

    def __str__(self) -> str:
        return str(self.path or self.upload or self.uri)


def _split(given: str) -> tuple[str, str | None]:
    found = _DIGEST.fullmatch(given)
    if found is None:
        return given, None
    if not _HEX.fullmatch(found["sha256"]):
        raise InputError(f"{given!r}: after #sha256= there must be 64 hexadecimal digits")
    return found["what"], found["sha256"].lower()
