"""``polarizer serve`` and ``polarizer demo``: what other parts of the house do, by their names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from client.command.base import command
from client.command.modules import command_of, environment, require
from client.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    command(app, "serve", examples="polarizer serve\npolarizer serve --port 9000 --data-dir data")(
        serve
    )
    command(app, "demo", examples="polarizer demo")(demo)


def serve(
    context: typer.Context,  # noqa: ARG001 - every command has it
    host: Annotated[str | None, typer.Option(help="address to listen on [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one [8000]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="folder of everything it keeps [data]")
    ] = None,
) -> None:
    """Serve everything from this machine: API, worker, inference; no other server is needed."""
    require("service", "fastapi", "worker", "torch", purpose="polarizer serve")
    given = {"--host": host, "--port": port, "--data-dir": data_dir}
    arguments = [
        text for name, value in given.items() if value is not None for text in (name, str(value))
    ]
    become("service", "serve", *arguments)


def demo(context: typer.Context) -> None:  # noqa: ARG001
    """Train a backdoored classifier, have it repaired by a service of its own, see what happens."""
    if not (ROOT / "demo" / "__main__.py").is_file():
        raise ConfigurationError(
            "the demo is a part of the source, not of the package; get the source and `make demo`"
        )
    require("service", "fastapi", "worker", "torch", "sklearn", purpose="polarizer demo")
    become("demo")


def become(module: str, *arguments: str) -> None:
    """Turns this process into that one, so that signals and the terminal are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    command_line = command_of(module, *arguments)
    os.execve(command_line[0], list(command_line), environment())  # noqa: S606
