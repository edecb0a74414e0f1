"""A model in another format, made by a process of its own for each request.

The web process loads no torch, and what is to be exported was a stranger's file. So a fresh,
confined process makes the file in a folder of its own, which is gone before the answer is sent: the
open file is all that is left of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog

from service.blobs import Blobs
from service.errors import BusyError, ConflictError, UnavailableError
from service.inference.process import environment
from service.records import ModelRecord
from service.settings import Settings

log = structlog.get_logger()

AT_ONCE, MOST_WAITING = 1, 4
SECONDS = 600.0
PROGRAM = (sys.executable, "-P", "-m", "service.inference.engine.exporting")
ARTEFACT, RESULT, REFUSED = "artefact", "result", "refused"
_CHUNK = 1 << 20
_ABANDONED_SECONDS = 2 * SECONDS


class Format(StrEnum):
    """What a model can be had as."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    TRITON = "triton"


@dataclass(frozen=True)
class Made:
    """An open file, which nobody else has; closing it is all that is left to do."""

    file: BinaryIO
    size: int
    sha256: str


class Turns:
    """Who may export now: one at a time, and a few wait."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._there = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises BusyError when too many wait already."""
        if self._there >= AT_ONCE + MOST_WAITING:
            raise BusyError("too many models are being exported; try again later", retry_after=10)
        self._there += 1
        try:
            async with self._turn:
                yield
        finally:
            self._there -= 1


async def exported(
    record: ModelRecord, wanted: Format, *, settings: Settings, blobs: Blobs, turns: Turns
) -> Made:
    """The exported file.

    Raises BusyError (too many wait), ConflictError (this model has no such form), LostBlobError and
    UnavailableError.
    """
    folder = settings.data_dir.resolve() / "exports" / uuid4().hex
    async with turns.turn():
        try:
            await asyncio.to_thread(_prepare, folder, blobs, record)
            status = await _run(folder, record, wanted, settings)
            return await asyncio.to_thread(_result, folder, status)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # not in a thread: this may be cancelled


def _prepare(folder: Path, blobs: Blobs, record: ModelRecord) -> None:
    try:
        folder.mkdir(parents=True)
        _remove_abandoned(folder.parent)
        blobs.fetch(record.blob, folder / ARTEFACT)
    except OSError as error:
        raise UnavailableError(f"an export cannot be prepared: {error.strerror}") from error


async def _run(folder: Path, record: ModelRecord, wanted: Format, settings: Settings) -> int:
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "--format", wanted.value, "--name", record.id),
        *("--sandbox", settings.sandbox.value),
        cwd=folder,
        env=environment(folder, os.environ) | {"TMPDIR": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return await asyncio.wait_for(process.wait(), SECONDS)
    except TimeoutError as error:
        raise UnavailableError("the export took too long") from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()


def content(file: BinaryIO) -> Iterator[bytes]:
    """The file in pieces; closed in the end."""
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def headers(record: ModelRecord, wanted: Format, made: Made) -> dict[str, str]:
    """What is said of the file beside its bytes; the digest as in RFC 9530."""
    digest = b64encode(bytes.fromhex(made.sha256)).decode()
    ending = "onnx" if wanted is Format.ONNX else "zip"
    return {
        "Content-Disposition": f'attachment; filename="{record.id}.{ending}"',
        "Content-Length": str(made.size),
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "private, no-cache",
    }


def _result(folder: Path, status: int) -> Made:
    if status == 0 and (folder / REFUSED).is_file():
        raise ConflictError((folder / REFUSED).read_text(encoding="utf-8")[:1000])
    if status != 0 or not (folder / RESULT).is_file():
        log.warning("export_failed", status=status)
        raise UnavailableError("the export ended without a file; the service's log says more")
    file = (folder / RESULT).open("rb")
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    file.seek(0)
    return Made(file, size, sha256)


def _remove_abandoned(home: Path) -> None:
    """Folders of processes that were killed."""
    for folder in home.iterdir():
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
