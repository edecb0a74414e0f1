"""A file on its way in: kept beside its place until it is whole, and gone on with after a break."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from client.call import Call, OnBytes, nothing
from client.errors import AnswerError, DigestError

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Download:
    """The file of ``size`` bytes and digest ``sha256`` that ``path`` shall become.

    What came so far is in ``path`` with ``.<digest>.part`` behind it; another run finds it there.
    """

    def __init__(
        self, address: str, path: Path, *, size: int, sha256: str, on_bytes: OnBytes | None = None
    ) -> None:
        self.path = path
        self._address = address
        self._size = size
        self._sha256 = sha256
        self._on_bytes = on_bytes or (lambda _count: None)
        self._part = path.with_name(f"{path.name}.{sha256[:12]}.part")

    @property
    def have(self) -> int:
        """Bytes that are here already."""
        return self._part.stat().st_size if self._part.exists() else 0

    @property
    def is_whole(self) -> bool:
        """Whether as many bytes are here as there shall be."""
        return self.have == self._size

    def call(self) -> Call[None]:
        """Asks for what is missing."""
        headers: Mapping[str, str] = {"accept-encoding": "identity"}
        if 0 < self.have < self._size:
            headers = {**headers, "range": f"bytes={self.have}-", "if-range": f'"{self._sha256}"'}
        return Call("GET", self._address, nothing, headers=headers)

    @contextmanager
    def taking(self, answer: httpx.Response) -> Iterator[BinaryIO]:
        """Where the body goes: behind what is here, if that is what the service sends."""
        begin = self._begin(answer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._part.open("r+b" if self._part.exists() else "wb") as file:
            file.truncate(begin)
            file.seek(begin)
            self._on_bytes(begin)
            yield file

    def took(self, count: int) -> None:
        """Tells the listener."""
        self._on_bytes(count)

    def finish(self) -> Path:
        """Puts the file in its place. Raises DigestError, with nothing left, when it is not what
        was promised."""
        found = digest_of(self._part)
        if found != self._sha256:
            self._part.unlink()
            raise DigestError(
                f"{self.path.name} came with the digest {found}, but {self._sha256} was promised;"
                " nothing was kept"
            )
        self._part.replace(self.path)
        return self.path

    def _begin(self, answer: httpx.Response) -> int:
        if answer.status_code != 206:
            return 0
        found = _RANGE.match(answer.headers.get("content-range", ""))
        if not found or int(found[1]) > self.have:
            raise AnswerError(f"{answer.request.url.path} answered with another part of the file")
        return int(found[1])


def digest_of(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
