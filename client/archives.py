"""Everything of a tenant, as one archive on its way in: checked by the digests at its end."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import httpx

from client.call import Call, OnBytes, nothing
from client.downloads import Download
from client.errors import DigestError
from client.streams import PORTION

SUMS = "SHA256SUMS"
UNKNOWN = -1


class Archive(Download):
    """The archive that ``path`` shall become; it is made while it is sent, so its size is not
    known, and a break means to begin anew."""

    def __init__(self, address: str, path: Path, *, on_bytes: OnBytes | None = None) -> None:
        super().__init__(address, path, size=UNKNOWN, sha256="archive", on_bytes=on_bytes)

    def call(self) -> Call[None]:
        """Asks for all of it."""
        headers: Mapping[str, str] = {"accept-encoding": "identity"}
        return Call("GET", self._address, nothing, headers=headers)

    @contextmanager
    def taking(self, answer: httpx.Response) -> Iterator[BinaryIO]:
        """Where the body goes, in place of what an earlier break left."""
        self._part.unlink(missing_ok=True)
        with super().taking(answer) as file:
            yield file

    def finish(self) -> Path:
        """Puts it in its place. Raises DigestError, with nothing left, when it is not whole."""
        try:
            check(self._part)
        except DigestError:
            self._part.unlink()
            raise
        self._part.replace(self.path)
        return self.path


def check(path: Path) -> None:
    """Raises DigestError unless every file is what the archive's end says, and it has an end."""
    found: dict[str, str] = {}
    promised: bytes | None = None
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is None:
                    raise DigestError(f"the archive holds {member.name!r:.200}, which is no file")
                if member.name == SUMS:
                    promised = file.read()
                else:
                    found[member.name] = _digest(file)
    except tarfile.TarError as error:
        raise DigestError(f"the archive is damaged ({error}); nothing was kept") from error
    if promised is None:
        raise DigestError(f"the archive has no {SUMS}, so it is not whole; nothing was kept")
    wanted = (line.split("  ", 1) for line in promised.decode().splitlines())
    if {name: digest for digest, name in wanted} != found:
        raise DigestError("the archive's files are not those of its digests; nothing was kept")


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while portion := file.read(PORTION):
        digest.update(portion)
    return digest.hexdigest()
