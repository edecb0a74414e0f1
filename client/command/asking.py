"""Options that say what is to be repaired and how, for every command that asks for a repair."""

from __future__ import annotations

from typing import Annotated

import typer

Test = Annotated[str | None, typer.Option(help="more clean images, for measuring only")]
Triggered = Annotated[
    str | None, typer.Option(help="images with the trigger and their true labels")
]
TargetClass = Annotated[
    str | None, typer.Option(help="where the trigger leads: name or index; with --triggered")
]
Description = Annotated[
    str | None,
    typer.Option(help="JSON or its file: architecture, input, classes [model.json beside MODEL]"),
]
Method = Annotated[
    str | None, typer.Option(help="auto, stage, deep, npd, r-cnpd, e-cnpd or a-cnpd [auto]")
]
Seed = Annotated[int | None, typer.Option(help="of everything random")]
Config = Annotated[str | None, typer.Option(help="hyper-parameters: JSON, or a JSON or TOML file")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="one hyper-parameter; may be repeated"),
]
Evidence = Annotated[bool, typer.Option(help="look for triggers that nobody sent")]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="CONDITION",
        help="on the report, as for polarizer gate; may be repeated",
    ),
]
