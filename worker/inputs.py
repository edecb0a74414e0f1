"""Brings a defense's inputs into its folder: blobs verified, references checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from polarizer.pretrained import needed_files
from service.blobs import Blobs
from service.defenses.report import InputFacts, Role
from service.errors import (
    LostBlobError,
    SourceRefusedError,
    TooLargeError,
    UnavailableError,
)
from service.records import BlobRecord, InputRecord
from service.settings import Settings
from service.storage.prefixes import fetch_prefix
from service.storage.sources import fetch_source
from worker.job import INPUTS, input_path

ROLES: tuple[Role, ...] = get_args(Role)

_SOURCE_CODES: dict[type[Exception], str] = {
    SourceRefusedError: "source-refused",
    LostBlobError: "source-missing",
    TooLargeError: "source-too-large",
    UnavailableError: "source-unreachable",
}


class InputError(Exception):
    """An input that cannot be had, so that the defense fails; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fetch_inputs(
    inputs: Sequence[InputRecord],
    folder: Path,
    *,
    blobs: Blobs,
    settings: Settings,
    check: Callable[[], None],
) -> dict[Role, InputFacts]:
    """Copies every input to ``folder/in/<role>``; ``check`` may raise between two chunks.

    Raises InputError for what no second try would mend, UnavailableError and OSError for the rest.
    """
    (folder / INPUTS).mkdir(mode=0o700, exist_ok=True)
    facts: dict[Role, InputFacts] = {}
    for record in inputs:
        role = next(role for role in ROLES if role == record.role)
        path = input_path(folder, role)
        if record.blob is not None:
            digest = _fetch_blob(record.blob, role, path, blobs, check)
        else:
            digest = _fetch_source(record, role, path, settings, check)
        facts[role] = InputFacts(
            sha256=digest, size=path.stat().st_size, filename=record.filename or record.uri
        )
    return facts


def _fetch_blob(
    blob: BlobRecord, role: Role, path: Path, blobs: Blobs, check: Callable[[], None]
) -> str:
    try:
        with path.open("wb") as sink:
            for chunk in blobs.read(blob):
                check()
                sink.write(chunk)
    except LostBlobError as error:
        message = f"the stored {role} file is missing or damaged; upload it again"
        raise InputError("lost-blob", message) from error
    return blob.sha256


def _fetch_source(
    record: InputRecord, role: Role, path: Path, settings: Settings, check: Callable[[], None]
) -> str:
    uri = record.uri or ""
    try:
        if uri.endswith("/"):
            choose = needed_files if role == "model" else list
            digest = fetch_prefix(uri, path, settings, choose=choose, check=check)
        else:
            digest = fetch_source(uri, path, settings, check=check)
    except tuple(_SOURCE_CODES) as error:
        code = next(code for kind, code in _SOURCE_CODES.items() if isinstance(error, kind))
        raise InputError(code, _naming(uri, str(error))) from error
    if record.sha256 and digest != record.sha256:
        raise InputError(
            "digest-mismatch", f"{uri} has the digest {digest}, the request says {record.sha256}"
        )
    return digest


def _naming(uri: str, message: str) -> str:
    return message if uri in message else f"{uri}: {message}"
