"""Options of a defense that come from files or as ``NAME=VALUE``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from client.errors import InputError
from client.sources import Source

BESIDE = "model.json"


def read_object(path: Path, what: str) -> dict[str, Any]:
    """A JSON or TOML object. Raises InputError, which names the file."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{what} {path}: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{what} {path}: it holds no object")
    return found


def description_of(model: Source, given: Path | None) -> dict[str, Any] | None:
    """The description that was named, or ``model.json`` beside the model; else None: some files
    describe themselves."""
    if given is not None:
        return read_object(given, "--description")
    beside = model.path.parent / BESIDE if model.path else None
    return read_object(beside, "the description") if beside and beside.is_file() else None


def config_of(
    file: Path | None, pairs: Sequence[str], **named: str | int | None
) -> dict[str, Any] | None:
    """Hyper-parameters: of the file, over them those of ``--set``, over these named options; None
    leaves them to the service."""
    config = read_object(file, "--config") if file else {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise InputError(f"--set {pair!r}: give NAME=VALUE, as in --set steps=200")
        config[name] = _value(value)
    config |= {name: value for name, value in named.items() if value is not None}
    return config or None


def target_of(given: str | None) -> str | int | None:
    """A class's index if it is a number, else its name."""
    return int(given) if given is not None and given.isdecimal() else given


def _value(text: str) -> Any:  # noqa: ANN401 - JSON's types
    try:
        return json.loads(text)
    except ValueError:
        return text
