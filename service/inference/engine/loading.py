"""From a file of the cache to a network on the device."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel

from polarizer.artefact import load_artefact
from polarizer.classifier import Classifier
from service.inference.messages import Loaded


class DamagedFileError(Exception):
    """The file is not there, or its bytes are not those of its digest."""


def loader(
    device: torch.device, send: Callable[[BaseModel], None]
) -> Callable[[str, Path], Classifier]:
    """A function that loads an artefact; it raises DamagedFileError and PolarizerError."""

    def load(sha256: str, file: Path) -> Classifier:
        started = time.monotonic()
        check_digest(sha256, file)
        classifier = load_artefact(file).classifier.to(device)
        send(Loaded(model=sha256, seconds=round(time.monotonic() - started, 3)))
        return classifier

    return load


def check_digest(sha256: str, file: Path) -> None:
    """Raises DamagedFileError unless the file's bytes have this digest."""
    try:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFileError(f"the cached artefact cannot be read: {error.strerror}") from error
    if digest != sha256:
        raise DamagedFileError("the cached artefact is damaged")


def choose_device(name: str) -> torch.device:
    """The device of that name; the graphics card when there is one and no name is given."""
    if name:
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
