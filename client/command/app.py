"""The command put together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from client.command import (
    defending,
    examining,
    gating,
    jobs,
    keys,
    models,
    purifying,
    reporting,
    starting,
)
from client.command.base import Given, Session
from client.command.leaving import register as register_leaving
from client.command.screen import Screen
from client.configuration import our_version

app = typer.Typer(
    name="polarizer",
    help="Repair backdoored image classifiers: through a Neural Polarizer Service, or right here.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=(
        "Exit codes: 0 passed · 1 a gate failed, or the repair came to nothing · 2 usage or"
        " configuration · 3 the input was rejected · 4 infrastructure, try again · 130 interrupted"
    ),
)

FLAGS = ("--json", "--plain", "--quiet", "-q")
VALUES = ("--url", "--api-key", "--profile", "--timeout")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"polarizer {our_version()}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(help="address of the service [POLARIZER_URL; http://127.0.0.1:8000]"),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(help="key of the service; better in POLARIZER_API_KEY or the file"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="a [profiles.NAME] of the file [POLARIZER_PROFILE]")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="seconds for one answer [POLARIZER_TIMEOUT; 60]")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="results as JSON on standard output")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="no colours and nothing drawn, as with NO_COLOR")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="only results and errors")] = False,
    _shown_version: Annotated[
        bool,
        typer.Option("--version", help="print the version", callback=_version, is_eager=True),
    ] = False,
) -> None:
    screen = Screen.open(as_json=json, plain=plain, quiet=quiet)
    context.obj = Session(screen, Given(url, api_key, profile, timeout))


defending.register(app)
jobs.register(app)
reporting.register(app)
models.register(app)
gating.register(app)
keys.register(app)
register_leaving(app)
purifying.register(app)
starting.register(app)
examining.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; ends the process."""
    app(hoisted(sys.argv[1:] if arguments is None else arguments), prog_name="polarizer")


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same with the options of the whole command first, wherever they stood before ``--``."""
    ours: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        one = left.pop(0)
        if one == "--":
            rest += [one, *left]
            break
        if one in FLAGS or one.startswith(tuple(f"{name}=" for name in VALUES)):
            ours.append(one)
        elif one in VALUES:
            ours += [one, *left[:1]]
            del left[:1]
        else:
            rest.append(one)
    return ours + rest
