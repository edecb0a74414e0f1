"""Files that the command leaves for the next step of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from client.clients import Polarizer
from client.command.screen import SCHEMA_VERSION, Screen, plain_data
from client.errors import ConfigurationError, InputError, ProblemError
from client.records import Defense

HTML = "text/html"

Values = Annotated[
    list[str] | None,
    typer.Option(
        "--value",
        metavar="NAME=PATH",
        help="write one value of the result to a file, for Argo or Kubeflow; may be repeated",
    ),
]
Outputs = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="append the result's values as NAME=VALUE lines, as $GITHUB_OUTPUT wants them",
    ),
]


def keep_results(
    service: Polarizer,
    screen: Screen,
    defense: Defense,
    folder: Path,
    on_bytes: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Model and report of a defense that succeeded, in a folder; their paths by what they are."""
    made: dict[str, Path] = {}
    folder = ready_folder(folder)
    if defense.model_id:
        path = folder / "model.safetensors"
        made["model"] = service.models.download(defense.model_id, path, on_bytes=on_bytes)
    if defense.has_report:
        made["report"] = folder / "report.json"
        made["report"].write_bytes(service.defenses.report_file(defense.id).content)
        if page := _page(service, screen, defense):
            made["report_html"] = folder / "report.html"
            made["report_html"].write_bytes(page)
    for what, path in made.items():
        screen.say(f"{what}: {path}")
    return {what: str(path) for what, path in made.items()}


def _page(service: Polarizer, screen: Screen, defense: Defense) -> bytes | None:
    """The report for people; nothing is lost without it."""
    try:
        found = service.defenses.report_file(defense.id, media_type=HTML)
    except ProblemError as error:
        screen.say(f"there is no report.html: {error}")
        return None
    return found.content if found.media_type == HTML else None


def ready_folder(folder: Path) -> Path:
    """Raises InputError for what is no folder and cannot become one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror}") from error
    return folder


def write_result(path: Path, kind: str, data: Mapping[str, Any]) -> None:
    """The JSON document that ``--json`` prints, as a file."""
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, "data": plain_data(data)}
    write_file(path, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")


def write_file(path: Path, content: bytes) -> None:
    """Makes the folders above it too. Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def write_values(
    values: Mapping[str, object], wanted: Sequence[str] | None, listing: Path | None
) -> None:
    """Single values as files, and all of them as lines. Raises ConfigurationError for a name that
    there is not."""
    for pair in wanted or ():
        name, _, path = pair.partition("=")
        if name not in values or not path:
            raise ConfigurationError(
                f"--value {pair!r}: give NAME=PATH with one of {', '.join(values)}"
            )
        write_file(Path(path), as_text(values[name]).encode())
    if listing is not None:
        lines = "".join(f"{name}={as_text(value)}\n" for name, value in values.items())
        with listing.open("a", encoding="utf-8") as file:
            file.write(lines)


def as_text(value: object) -> str:
    """On one line."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else " ".join(str(value).splitlines())
