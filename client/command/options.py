"""Options of a defense that come from files or as ``NAME=VALUE``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from client.errors import InputError
from client.flows.uploading import checked_digest
from client.packing import is_hugging_face, model_weights
from client.sources import Source

BESIDE = "model.json"
USUAL = "model.safetensors"
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".onnx")


def read_object(path: Path, what: str) -> dict[str, Any]:
    """A JSON or TOML object. Raises InputError, which names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{what} {path}: {error}") from error
    return _parsed(text, f"{what} {path}", toml=path.suffix == ".toml")


def _parsed(text: str, what: str, *, toml: bool = False) -> dict[str, Any]:
    try:
        found = tomllib.loads(text) if toml else json.loads(text)
    except ValueError as error:
        raise InputError(f"{what}: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{what}: it is no object")
    return found


def given_object(given: str, what: str) -> dict[str, Any]:
    """An object that was given itself, or by its file. Raises InputError."""
    if given.lstrip().startswith("{"):
        return _parsed(given, what)
    return read_object(Path(given), what)


def weights_of(model: Source) -> Source:
    """The file that was meant, where a folder with one file of weights was named; a Hugging Face
    folder itself, where it or its weights were named. Raises InputError, DigestError."""
    folder = model.path
    if folder is None:
        return model
    if not folder.is_dir():
        return _folder_around(model, folder) or model
    if _describes_itself(folder):
        return model
    usual = folder / USUAL
    if usual.is_file():
        return Source(path=usual)
    found = sorted(path for path in folder.iterdir() if path.suffix in WEIGHTS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder} holds no {USUAL}, and not one file of weights ({names})")
    return Source(path=found[0])


def _describes_itself(folder: Path) -> bool:
    return is_hugging_face(folder) and not (folder / BESIDE).is_file()


def _folder_around(model: Source, weights: Path) -> Source | None:
    folder = weights.parent
    if not _describes_itself(folder) or weights.name not in model_weights(folder):
        return None
    if model.sha256:
        checked_digest(weights, model.sha256)
    return Source(path=folder)


def description_of(model: Source, given: str | None) -> dict[str, Any] | None:
    """The description that was given, itself or by its file, or ``model.json`` beside the
    model; else None: some files, and Hugging Face folders, describe themselves."""
    if given:
        return given_object(given, "--description")
    if model.path is None or model.path.is_dir():
        return None
    beside = model.path.parent / BESIDE
    return read_object(beside, "the description") if beside.is_file() else None


def config_of(
    given: str | None, pairs: Sequence[str], **named: str | int | None
) -> dict[str, Any] | None:
    """Hyper-parameters: those given, themselves or by their file; over them those of ``--set``,
    over these the named options. None leaves them to the service."""
    config = given_object(given, "--config") if given else {}
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
