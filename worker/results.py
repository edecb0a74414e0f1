"""Takes what the child wrote out of its folder: regular files only, bounded, checked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from service.defenses.report import ArtefactFacts, Report
from worker.job import ARTEFACT_FILE, REPORT_FILE

MAX_REPORT_BYTES = 16 << 20
_CHUNK = 1 << 20


class BadResultError(Exception):
    """The child said that it succeeded and left something else."""


def take_artefact(
    folder: Path, target: Path, *, max_bytes: int, name: str = ARTEFACT_FILE
) -> ArtefactFacts:
    """Copies the artefact, or the file of another name, to ``target``, out of reach of whatever
    may still run in ``folder``."""
    digest, size = hashlib.sha256(), 0
    with _regular_file(folder, name) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise BadResultError(f"{name} is larger than {max_bytes} bytes")
            digest.update(chunk)
            sink.write(chunk)
    if not size:
        raise BadResultError(f"{name} is empty")
    return ArtefactFacts(sha256=digest.hexdigest(), size=size)


def read_report(folder: Path) -> Report:
    """The child's report, as far as it can be one."""
    with _regular_file(folder, REPORT_FILE) as source:
        text = source.read(MAX_REPORT_BYTES + 1)
    if len(text) > MAX_REPORT_BYTES:
        raise BadResultError(f"the report is larger than {MAX_REPORT_BYTES} bytes")
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])[:200]
        raise BadResultError(f"the report cannot be used: {where}: {problem['msg']}") from error


@contextmanager
def _regular_file(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Opens ``outputs/file`` following no link, and never a pipe or a device."""
    outputs, file = name.split("/")
    try:
        outputs_descriptor = os.open(folder / outputs, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(file, flags, dir_fd=outputs_descriptor)
        finally:
            os.close(outputs_descriptor)
    except OSError as error:
        raise BadResultError(f"{name} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadResultError(f"{name} is no regular file")
        yield opened
