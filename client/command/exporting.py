"""``polarizer models export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.command.base import command, session_of
from client.flows.exporting import Format

EXAMPLES = (
    "polarizer models export mdl_01… --as onnx\n"
    "polarizer models export mdl_01… --as triton --out model_repository"
)
_USUAL = {
    Format.SAFETENSORS: Path("model.safetensors"),
    Format.ONNX: Path("model.onnx"),
    Format.TRITON: Path("model_repository"),
}


def register(below: typer.Typer) -> None:
    """Adds the command."""
    command(below, "export", examples=EXAMPLES)(export)


def export(
    context: typer.Context,
    model_id: Annotated[str, typer.Argument(metavar="MODEL", help="mdl_…")],
    wanted: Annotated[
        Format,
        typer.Option("--as", help="triton: the folder of a model repository, for KServe too"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="file, or the repository's folder [model.onnx, model_repository, …]"),
    ] = None,
) -> None:
    """Bring a model in another format; ONNX that came in goes out as it was, repaired."""
    session = session_of(context)
    with session.service() as service:
        made = service.models.export(model_id, out or _USUAL[wanted], wanted)
    if session.screen.as_json:
        session.screen.result("file", {"path": str(made), "format": wanted.value})
    else:
        session.screen.line(str(made))
