"""Everything that a tenant owns as one archive, made while it is sent, in constant memory.

    rows/<table>.jsonl     a row a line, by primary key; secrets are left out
    blobs/<sha256>         the bytes, of models, images, artefacts and reports
    SHA256SUMS             digests of all of these, last, for ``sha256sum -c``

A plain tar. What is written meanwhile may or may not be in it; a blob that is deleted meanwhile, or
whose bytes are lost, is named in ``MISSING``. Bytes that turn out to be damaged break the archive
off, so that it never looks whole.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy import Table, select

from service.blobs import Blobs
from service.database import Database
from service.errors import LostBlobError
from service.records import BlobRecord
from service.retention import owned
from service.storage.base import CHUNK

SUMS = "SHA256SUMS"
MISSING = "MISSING"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)


class Export:
    """One archive of one tenant. ``folder`` is where a table's rows wait while they are counted."""

    def __init__(self, database: Database, blobs: Blobs, folder: Path, tenant: str) -> None:
        self._database = database
        self._blobs = blobs
        self._folder = folder
        self._tenant = tenant

    def chunks(self) -> Iterator[bytes]:
        """The archive. Raises LostBlobError in the middle of a blob that is damaged,
        UnavailableError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file() as sums, self._file() as missing:
            for table in owned.tables():
                with self._file() as lines:
                    _write(lines, self._rows(table))
                    yield from _member(f"rows/{table.name}.jsonl", lines, sums)
            for blob in self._stored():
                yield from self._blob(blob, sums, missing)
            if missing.tell():
                yield from _member(MISSING, missing, sums)
            yield from _member(SUMS, sums, None)
            yield _END

    def _file(self) -> IO[bytes]:
        return TemporaryFile(dir=self._folder)

    def _rows(self, table: Table) -> Iterator[bytes]:
        after = None
        while True:
            with self._database.read() as session:
                found = owned.rows(session, table, self._tenant, after)
            for row in found:
                yield _line(dict(owned.shown(table, row)))
            if len(found) < owned.BATCH:
                return
            after = owned.key_of(table, found[-1])

    def _stored(self) -> Iterator[BlobRecord]:
        """One of each digest."""
        after = ""
        while True:
            query = select(BlobRecord).where(
                BlobRecord.tenant == self._tenant, BlobRecord.live, BlobRecord.sha256 > after
            )
            with self._database.read() as session:
                found = session.scalars(query.order_by(BlobRecord.sha256).limit(owned.BATCH)).all()
            for blob in found:
                if blob.sha256 != after:
                    yield blob
                after = blob.sha256
            if not found:
                return

    def _blob(self, blob: BlobRecord, sums: IO[bytes], missing: IO[bytes]) -> Iterator[bytes]:
        try:
            chunks = self._blobs.read(blob)
            first = next(chunks, b"")
        except LostBlobError:
            missing.write(_line({"blob": blob.id, "sha256": blob.sha256, "size": blob.size}))
            return
        yield from _tarred(f"blobs/{blob.sha256}", blob.size, chain([first], chunks))
        sums.write(f"{blob.sha256}  blobs/{blob.sha256}\n".encode())


def _write(file: IO[bytes], lines: Iterable[bytes]) -> None:
    for line in lines:
        file.write(line)


def _member(name: str, file: IO[bytes], sums: IO[bytes] | None) -> Iterator[bytes]:
    """A file of ours, and its digest into ``sums``."""
    size = file.tell()
    file.seek(0)
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            yield chunk

    yield from _tarred(name, size, hashed())
    if sums is not None:
        sums.write(f"{digest.hexdigest()}  {name}\n".encode())


def _tarred(name: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    yield member.tobuf(tarfile.PAX_FORMAT)
    sent = 0
    for chunk in chunks:
        sent += len(chunk)
        yield chunk
    if sent != size:
        raise LostBlobError("stored bytes are more or fewer than they were")
    yield bytes(-size % _BLOCK)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=_shown, separators=(",", ":")).encode() + b"\n"


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
