"""``polarizer report``: what was measured, on the screen or as files in each of its forms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from client.calls.documents import Document
from client.clients import Polarizer
from client.command.base import command, session_of
from client.command.outputs import HTML, write_file
from client.command.views import show_report
from client.errors import InputError
from client.records import Report

JSON = "application/json"
CARD = "text/markdown"
BOM = "application/vnd.cyclonedx+json"
_BY_ENDING = {".html": HTML, ".htm": HTML, ".md": CARD, ".cdx.json": BOM}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    examples = (
        "polarizer report def_01…\npolarizer report mdl_01… --html report.html --card README.md"
    )
    command(app, "report", examples=examples)(report)


def report(
    context: typer.Context,
    of: Annotated[
        str, typer.Argument(metavar="DEFENSE", help="def_…, or mdl_… of the model that it made")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="write it to a file: .json, .html, .md (model card) or .cdx.json"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="write the page to this file, to read, print or mail")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="write the model card: README.md")] = None,
    bom: Annotated[
        Path | None, typer.Option(help="write the CycloneDX bill of materials: bom.cdx.json")
    ] = None,
) -> None:
    """Show what was measured, before and after. With --json: the report as the service has it."""
    session = session_of(context)
    screen = session.screen
    given = ((html, HTML), (card, CARD), (bom, BOM), (out, form_of(out) if out else JSON))
    wanted = [(path, form) for path, form in given if path is not None]
    with session.service() as service:
        for path, form in wanted:
            write_file(path, document(service, of, form).content)
            screen.say(f"report: {path}")
        if wanted:
            return
        if screen.as_json:
            sys.stdout.buffer.write(document(service, of, JSON).content + b"\n")
        else:
            show_report(screen, _read(service, of))


def form_of(path: Path) -> str:
    """The media type that the file's name asks for."""
    name = path.name.lower()
    return next((form for ending, form in _BY_ENDING.items() if name.endswith(ending)), JSON)


def document(service: Polarizer, of: str, form: str) -> Document:
    """The report of a defense, or of a model. Raises InputError where the service, an older one,
    has it in another form only."""
    if _is_model(of):
        found = service.models.report_file(of, media_type=form)
    else:
        found = service.defenses.report_file(of, media_type=form)
    if found.media_type != form:
        raise InputError(f"this service has no report as {form}; try --out report.json")
    return found


def _read(service: Polarizer, of: str) -> Report:
    return service.models.report(of) if _is_model(of) else service.defenses.report(of)


def _is_model(identifier: str) -> bool:
    return identifier.startswith("mdl_")
